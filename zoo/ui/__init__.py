"""The playground in the browser (extra `ui`). Gradio is imported when a page is built."""

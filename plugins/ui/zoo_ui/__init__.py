"""Two commands: `zoo ui`, the playground in the browser, and `zoo gallery`. Gradio is imported when a page is built."""

"""The contracts of the zoo, as typing protocols over `torch.nn.Module`: `networks`, `training`, `transfers`, `data`.

`isinstance` alone is not enough: `zoo.networks.checks` and the conformance kit hold a component to its contract.
Nothing here imports torch.
"""

from __future__ import annotations

from zoo.protocols.data import (
    Dataset,
    FeatureSpace,
)
from zoo.protocols.networks import (
    Bottleneck,
    Discriminator,
    Encoder,
    Features,
    Generator,
    Judgement,
    Posterior,
    Prior,
)
from zoo.protocols.training import (
    AdversarialObjective,
    AutoencoderObjective,
    Game,
    Losses,
    Regulariser,
    Round,
    Schedule,
    Side,
    Steered,
    Term,
)
from zoo.protocols.transfers import (
    Edit,
    Slot,
    Source,
    Stage,
    Transfer,
    TransferStrategy,
    Values,
)

__all__ = [
    "AdversarialObjective",
    "AutoencoderObjective",
    "Bottleneck",
    "Dataset",
    "Discriminator",
    "Edit",
    "Encoder",
    "FeatureSpace",
    "Features",
    "Game",
    "Generator",
    "Judgement",
    "Losses",
    "Posterior",
    "Prior",
    "Regulariser",
    "Round",
    "Schedule",
    "Side",
    "Slot",
    "Source",
    "Stage",
    "Steered",
    "Term",
    "Transfer",
    "TransferStrategy",
    "Values",
]

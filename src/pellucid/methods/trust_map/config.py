"""Settings of training a map of trust."""

from pydantic import Field

from pellucid.data.config import DataSettings, Section
from pellucid.methods.network_settings import NetworkSettings, OptimisationSettings


class TrustMapConfig(Section):
    """A training run of the network that says how wrong a restorer is, but for how the loop runs."""

    network: NetworkSettings = Field(default=NetworkSettings(name="error-scales"), description="Which network.")
    optimisation: OptimisationSettings = Field(default=OptimisationSettings(), description="How it learns.")
    restorer: str = Field(
        default="default", description="Whose errors are learned: a bundled model, or a weights file."
    )
    data: DataSettings

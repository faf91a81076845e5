"""Whether there is room for more copies."""

from serving.domain.model import Spec


class FargateHeadroom:
    """`ports.Headroom` where nothing is known of GPUs: Fargate has room, a second GPU is not counted on."""

    def surge_fits(self, spec: Spec) -> tuple[bool, str]:
        """See `ports.Headroom`."""
        if int(spec["accelerator"]["gpus"]):
            return False, "the copies need GPUs, and nothing says that there are more than those in use"
        return True, "the copies need no GPU: Fargate runs new ones beside the old"

    def hourly(self, spec: Spec, copies: int) -> float | None:
        """See `ports.Headroom`; no price is known here."""
        del spec, copies
        return None

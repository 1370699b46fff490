"""FP8 on CPUs that lack the operators, so that a quantised model's quality can be measured there. Never its speed.

vLLM loads `register` in each of its processes through the `vllm.general_plugins` entry point. Where the compiled
operators exist nothing changes. Elsewhere (x86 with AVX2 alone) static per-tensor W8A8 runs in plain torch: inputs are
rounded to FP8 exactly as the operator would, and the product is taken in float32, which holds every product of two
FP8 numbers exactly. Weights are widened once, when they are loaded, not at every step.
"""

import torch

FP8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FP8).max


def register() -> None:
    """Install the fallbacks if this is a CPU without the operators. Safe to call more than once."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu() or _compiled("static_scaled_fp8_quant"):
        return
    from vllm import _custom_ops
    from vllm.model_executor.kernels import linear
    from vllm.platforms import PlatformEnum

    _custom_ops.scaled_fp8_quant = scaled_fp8_quant
    kernels = linear._POSSIBLE_FP8_KERNELS[PlatformEnum.CPU]
    if not any(kernel.__name__ == "WidenedFP8Kernel" for kernel in kernels):
        kernels.insert(0, _kernel())


def _compiled(name: str) -> bool:
    """Whether vLLM's operator of that name is there: it declares the ones that are not, without arguments."""
    operator = getattr(torch.ops._C, name, None)
    return operator is not None and bool(operator.default._schema.arguments)


def to_fp8(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """`values / scale` rounded to FP8, saturating at its largest number as the compiled operator does."""
    return (values / scale).clamp(-LARGEST, LARGEST).to(FP8)


def scaled_fp8_quant(
    input: torch.Tensor, scale: torch.Tensor | None = None, **options: object
) -> tuple[torch.Tensor, torch.Tensor]:
    """Stands in for the operator of that name: static, one scale for the whole tensor. Raises ValueError otherwise."""
    chosen = [name for name, value in options.items() if value]
    if scale is None or scale.numel() != 1 or chosen:
        raise ValueError(
            f"this CPU has no FP8 units and the fallback is static and per tensor, not {chosen or 'dynamic'}:"
            " quantise the checkpoint with static per-tensor scales, or serve it on a machine with FP8"
        )
    return to_fp8(input, scale), scale


def _kernel() -> type:
    """The linear kernel, as a class of vLLM's; made here because its base imports half of vLLM."""
    from vllm.model_executor.kernels.linear.scaled_mm.pytorch import PerTensorTorchFP8ScaledMMLinearKernel

    class WidenedFP8Kernel(PerTensorTorchFP8ScaledMMLinearKernel):
        """y = FP8(x / s_x) W * s_x s_w + b, with the weights' FP8 codes W kept as the float32 numbers that they are."""

        @classmethod
        def can_implement(cls, c):
            if not c.activation_quant_key.scale.static:
                return False, "requires a static activation scale."
            return super().can_implement(c)

        def input_quant_key(self):
            return None  # takes the plain activation: the kernels that would round it upstream are missing too

        def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
            widened = layer.weight.data.t().to(torch.float32).contiguous()
            layer.weight = torch.nn.Parameter(widened.t(), requires_grad=False)

        def apply_weights(self, layer, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
            codes = to_fp8(x, layer.input_scale).to(torch.float32)
            product = torch.nn.functional.linear(codes, layer.weight.t()) * (layer.input_scale * layer.weight_scale)
            return (product if bias is None else product + bias).to(x.dtype)

    return WidenedFP8Kernel

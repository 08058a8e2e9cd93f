"""How much memory a training run needs, worked out from the model's shape and the recipe. No torch needed."""

from pathlib import Path

import msgspec
import psutil

from trainer import TrainError
from trainer.recipe import Recipe

PROCESS = 550_000_000  # Python with torch, transformers and TRL, measured
ADAM = 16  # bytes a trained parameter: fp32 weight, gradient, two moments
NF4 = 0.55  # bytes a weight in 4 bits, with its scales
LOGITS = 10  # bytes of one logit: as computed, as fp32, its gradient
ANSWERS = 0.25  # share of a row's tokens that are answer, and so have logits


class Shape(msgspec.Struct, frozen=True):
    """Of a transformer, in the words of its config.json."""

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int
    vocab_size: int
    num_attention_heads: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    tie_word_embeddings: bool = False

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of the matrices of one layer, by PEFT's usual names."""
        hidden, mlp = self.hidden_size, self.intermediate_size
        head = self.head_dim or hidden // self.num_attention_heads
        queries, keys = (
            head * count for count in (self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads)
        )
        return {
            "q_proj": (hidden, queries),
            "k_proj": (hidden, keys),
            "v_proj": (hidden, keys),
            "o_proj": (queries, hidden),
            "gate_proj": (hidden, mlp),
            "up_proj": (hidden, mlp),
            "down_proj": (mlp, hidden),
        }

    @property
    def parameters(self) -> int:
        layer = sum(inputs * outputs for inputs, outputs in self.projections.values()) + 2 * self.hidden_size
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return self.num_hidden_layers * layer + embeddings + self.hidden_size


class Estimate(msgspec.Struct, frozen=True):
    """Bytes, by what takes them; `activations` and `logits` are those of the largest part of a step."""

    weights: int
    trained: int
    activations: int
    logits: int
    process: int = PROCESS

    @property
    def fixed(self) -> int:
        """What no setting but method, base and adapters changes."""
        return self.weights + self.trained + self.process

    @property
    def total(self) -> int:
        return self.fixed + self.activations + self.logits


def shape(base: Path) -> Shape:
    """Of a model folder; TrainError when its config.json has other keys than the usual ones."""
    try:
        config = msgspec.json.decode((base / "config.json").read_bytes())
        return msgspec.convert(config.get("text_config", config), Shape)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainError(f"{base}: the shape of this model cannot be read: {error}") from None


def lora_parameters(model: Shape, recipe: Recipe) -> int:
    pairs = [model.projections[name] for name in recipe.lora.targets if name in model.projections]
    return model.num_hidden_layers * recipe.lora.r * sum(inputs + outputs for inputs, outputs in pairs)


def training(model: Shape, recipe: Recipe, *, bf16: bool, tokens: int) -> Estimate:
    """For `tokens` that go through the model at once. Within 20 % of what SmolLM2 took on a CPU."""
    compute = 2 if bf16 else 4
    full = recipe.method == "full"
    trained = model.parameters if full else lora_parameters(model, recipe)
    a_weight = {"full": compute, "qlora": NF4, "lora": compute}[recipe.method]
    elements = 14 * model.hidden_size + 12 * model.intermediate_size  # kept a token and layer, measured
    kept = elements * model.num_hidden_layers
    if recipe.gradient_checkpointing:
        kept = elements + model.hidden_size * model.num_hidden_layers
    return Estimate(
        weights=int(model.parameters * a_weight) if not full or bf16 else 0,
        trained=trained * ADAM,
        activations=tokens * kept * compute,
        logits=int(tokens * ANSWERS * model.vocab_size * LOGITS),
    )


def available() -> int:
    """Bytes that this machine, or the container it runs in, can still give."""
    free = int(psutil.virtual_memory().available)
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and (most := limit.read_text().strip()).isdigit():
        free = min(free, int(most) - int(used.read_text()))
    return free


def check(needed: Estimate, free: int) -> str:
    """A warning, empty when all is well; TrainError when the model alone cannot fit."""
    if needed.fixed > free:
        raise TrainError(
            f"training needs at least {needed.fixed / 1e9:.1f} GB of memory for model, adapters and optimiser; "
            f"{free / 1e9:.1f} GB are free. A smaller base model, or method lora or qlora, needs less."
        )
    if needed.total <= free:
        return ""
    return (
        f"training may need {needed.total / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: "
        "gradient_checkpointing: true, a smaller batch (with accumulate) or max_length needs less"
    )

"""Adapters (LoRA) for the tiny models, with the logits that PEFT computes: tests/goldens/adapters.

Run: python tests/oracle/adapter_goldens.py tests/goldens/adapters (needs requirements.txt and peft==0.21.2).
NAME.one.gguf adapts every matrix of tests/goldens/models/NAME.gguf, NAME.two.gguf a few with another rank, alpha and format, as
llama.cpp's convert_lora_to_gguf writes them. NAME.both.logits is of both together (scales in SCALES) on the ids and at the
positions of NAME.0, NAME.one.logits of the first alone on those of NAME.1; little-endian float32 [positions, vocabulary].
Where the weights are quantised, NAME.both.contract and NAME.one.contract are the same with the activations that they read
rounded as our numeric contract says. Adapters read activations as they are.
"""

import argparse
import pathlib
import sys
import tempfile

import gguf
import numpy as np
import peft
import torch
from peft.tuners.lora import LoraLayer

import reference
import tiny_gguf
import tiny_models

SCALES = {"both": {"one": 1.0, "two": 0.5}, "one": {"one": -0.75}}
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SOME = ["q_proj", "v_proj", "down_proj"]
# Per model the formats of both adapters and the rank of the second one: less, as much and more than a block of 32.
MODELS = {"llama-grouped": ("F32", "Q8_0", 32), "qwen2": ("F32", "F16", 40), "gemma3": ("BF16", "F32", 3),
          "llama-mixed": ("F16", "F32", 33)}


def configs(rank):
    return {"one": peft.LoraConfig(r=5, lora_alpha=8, target_modules=[*LINEAR, "embed_tokens", "lm_head"]),
            "two": peft.LoraConfig(r=rank, lora_alpha=16, target_modules=SOME)}


def adapted_model(spec, weights, rank):
    model = reference.build(spec.architecture, spec.config, weights)
    wanted = configs(rank)
    adapted = peft.get_peft_model(model, wanted["one"], adapter_name="one")
    adapted.add_adapter("two", wanted["two"])
    return adapted.eval(), wanted


def base_name(module_name):
    return module_name.removeprefix("base_model.model.") + ".weight"


def stored(values, kind, random):
    """(data for the writer, the values it holds)"""
    return tiny_gguf.encode(np.ascontiguousarray(values), kind, random)


def fill(spec, model, adapter, config, kind, random):
    """Draws the matrices of one adapter and yields what its file holds: tensor name, data."""
    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer) or adapter not in [*module.lora_A, *module.lora_embedding_A]:
            continue
        target = tiny_gguf.tensor_name(base_name(name), spec.architecture)
        rank = config.r
        if adapter in module.lora_embedding_A:  # rows of the first matrix are looked up: it is stored the other way round
            first, second = module.lora_embedding_A[adapter], module.lora_embedding_B[adapter]
            down, down_values = stored(random.standard_normal(first.T.shape).astype(np.float32) * np.float32(0.3), kind, random)
            up, up_values = stored(random.standard_normal(second.shape).astype(np.float32) * np.float32(0.1), kind, random)
            first.data = torch.from_numpy(np.ascontiguousarray(down_values.T))
            second.data = torch.from_numpy(up_values)
        else:
            first, second = module.lora_A[adapter].weight, module.lora_B[adapter].weight
            down, down_values = stored(random.standard_normal(first.shape).astype(np.float32) * np.float32(first.shape[1] ** -0.5), kind, random)
            values = random.standard_normal(second.shape).astype(np.float32) * np.float32(0.3 * rank ** -0.5)
            heads = tiny_gguf.heads_of(base_name(name), spec)
            up, up_values = stored(tiny_gguf.permute(values, heads) if heads else values, kind, random)
            first.data = torch.from_numpy(down_values)
            second.data = torch.from_numpy(np.ascontiguousarray(tiny_gguf.unpermute(up_values, heads) if heads else up_values))
        yield target + ".lora_a", down
        yield target + ".lora_b", up


def write_adapter(path, spec, config, kind, tensors):
    writer = gguf.GGUFWriter(str(path), spec.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config.lora_alpha))
    writer.add_name(f"tiny {path.stem}")
    for name, data in tensors:
        writer.add_tensor(name, data, raw_dtype=tiny_gguf.FORMATS[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def use(model, scales):
    model.base_model.set_adapter(list(scales))
    for module in model.modules():
        if not isinstance(module, LoraLayer):
            continue
        for adapter, scale in scales.items():
            if adapter in module.scaling:
                module.set_scale(adapter, scale)


def write_model(spec, folder, models):
    kinds = dict(zip(("one", "two"), MODELS[spec.name]))
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "model.gguf"
        weights = tiny_gguf.write(path, spec, tiny_models.random_weights(spec), spec.format_of)
        if path.read_bytes() != (models / f"{spec.name}.gguf").read_bytes():
            raise SystemExit(f"{spec.name}.gguf is not what tiny_models.py makes")
    model, wanted = adapted_model(spec, weights, MODELS[spec.name][2])
    random = np.random.RandomState(spec.seed + 100)
    for adapter, config in wanted.items():
        write_adapter(folder / f"{spec.name}.{adapter}.gguf", spec, config, kinds[adapter],
                      fill(spec, model, adapter, config, kinds[adapter], random))
    for (kind, scales), (ids, positions) in zip(SCALES.items(), tiny_models.sequences(spec)):
        use(model, scales)
        logits = reference.logits(model, ids)
        logits[positions].astype("<f4").tofile(folder / f"{spec.name}.{kind}.logits")
        if spec.formats != "F32":
            contract = reference.logits(model, ids, quantise_activations=True)
            contract[positions].astype("<f4").tofile(folder / f"{spec.name}.{kind}.contract")
        with model.disable_adapter():
            plain = reference.logits(model, ids)
        print(f"{spec.name:16} {kind:5} differs from the model alone by {np.abs(logits - plain).mean() / plain.std():.2f} deviations")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    models = pathlib.Path(__file__).resolve().parent.parent / "goldens" / "models"
    for spec in tiny_models.all_specs():
        if spec.name in MODELS:
            write_model(spec, options.folder, models)
    return 0


if __name__ == "__main__":
    sys.exit(main())

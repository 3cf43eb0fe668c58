"""Prefill and decode of a Bamba-like model of 127M parameters on the CPU: transformers on torch against hybrid-run.

    python3 benchmarks/bamba_cpu.py [--tokens 512] [--new 64] [--threads 2] [--dtype f32] [--repeat 3] [--json FILE]

Needs torch and transformers (for the peer only). Both run in turn on the same machine, the peer first; the figures are
medians, the ratios are ours / theirs.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    from transformers import BambaConfig, BambaForCausalLM
    from safetensors.torch import save_file

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    config = BambaConfig(
        vocab_size=32000, hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12,
        num_key_value_heads=4, attn_layer_indices=[3, 9], mamba_n_heads=24, mamba_d_head=64, mamba_d_state=128,
        mamba_n_groups=1, mamba_expand=2, mamba_d_conv=4, tie_word_embeddings=True, use_cache=True)
    model = BambaForCausalLM(config).eval()
    if args.dtype == "bf16":
        model = model.to(torch.bfloat16)
    parameters = sum(p.numel() for p in model.parameters())
    ids = torch.randint(0, 32000, (1, args.tokens))

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        save_file({"input_ids": ids}, f"{folder}/ids.safetensors")
        ours, theirs = {"prefill": [], "decode": []}, {"prefill": [], "decode": []}
        hybridc, run = ROOT / "build/bin/hybridc", ROOT / "build/bin/hybrid-run"
        subprocess.run([hybridc, folder, "-o", f"{folder}/model.hyb"], check=True)
        for _ in range(args.repeat):
            with torch.no_grad():
                start = time.perf_counter()
                out = model(ids, use_cache=True, logits_to_keep=1)
                theirs["prefill"].append(args.tokens / (time.perf_counter() - start))
                cache, token = out.past_key_values, out.logits[:, -1:].argmax(-1)
                start = time.perf_counter()
                for i in range(args.new):
                    position = torch.tensor([[args.tokens + i]])
                    out = model(token, past_key_values=cache, use_cache=True, position_ids=position)
                    token = out.logits[:, -1:].argmax(-1)
                theirs["decode"].append(args.new / (time.perf_counter() - start))
            text = subprocess.run(
                [run, f"{folder}/model.hyb", "--weights", folder, "--input-ids", f"{folder}/ids.safetensors",
                 "--max-new-tokens", str(args.new + 1), "--temperature", "0", "--output-ids", f"{folder}/out.safetensors",
                 "--threads", str(args.threads)], check=True, capture_output=True, text=True)
            line = (text.stdout + text.stderr).strip().splitlines()[-1]
            for phase in ours:
                ours[phase].append(float(re.search(phase + r" \d+ tokens, ([\d.]+) tok/s", line).group(1)))

    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    result = {"command": " ".join(["python3", "benchmarks/bamba_cpu.py", *sys.argv[1:]]), "cpu": cpu, "threads": args.threads, "dtype": args.dtype, "parameters": parameters, "tokens": args.tokens,
              "torch": torch.__version__, "transformers": transformers.__version__, "raw": {"ours": ours, "torch": theirs}}
    print(f"{parameters / 1e6:.0f}M parameters, {args.dtype}, {args.threads} threads, {cpu}")
    for phase in ours:
        a, b = statistics.median(ours[phase]), statistics.median(theirs[phase])
        result[phase] = {"ours": a, "torch": b, "ratio": a / b}
        print(f"{phase:8} ours {a:8.1f} tok/s   torch {b:8.1f} tok/s   ratio {a / b:.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

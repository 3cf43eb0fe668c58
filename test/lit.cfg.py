# The test environment is data: a tool that is present adds a feature, and tests say what they require.
import os
import shutil
import lit.formats

config.name = "hybrid"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".yaml"]
config.excludes = ["CMakeLists.txt", "Inputs", "consumer", "unit", "conformance"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.hybrid_build, "test")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.hybrid_build, "bin"), config.llvm_tools, config.environment["PATH"]])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "CUDA_HOME", "XDG_CACHE_HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if shutil.which("mkdocs"):
    config.available_features.add("mkdocs")
config.substitutions.append(("%build", config.hybrid_build))
config.substitutions.append(("%source", config.hybrid_source))
config.substitutions.append(("%python", config.python))

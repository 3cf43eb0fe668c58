// Runs one kernel of a PTX file on the emulator: checks it, counts what it does, prints buffers.
#include "lib/Artifact/Result.h"
#include "lib/Artifact/Streams.h"
#include "tools/hybrid-ptx-run/Arguments.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

using namespace hybridrt;
using namespace hybridrt::emulator;

static const char usage[] =
    R"(usage: hybrid-ptx-run FILE.ptx [--kernel NAME] --grid X[,Y[,Z]] --block X[,Y[,Z]] [--arg ARG]...

Runs a kernel on the CPU and reports what is wrong with it. FILE may be - for standard input.

  --kernel NAME       the kernel; may be left out where there is one
  --cluster X[,Y[,Z]] blocks of a cluster
  --shared BYTES      dynamic shared memory
  --arg TYPE:VALUE    the next parameter: i8 to i64, u8 to u64, f16, bf16, f32, f64
  --arg TYPE[N]:FILL  a buffer: zeros, ones, iota, random or a file; N may be MxN; ':print' prints it afterwards
  --arg map:BOX[:swizzle=S]  a tensor map over the last buffer; its box from the contiguous dimension on
  --no-check[=LIST]   look for nothing but accesses out of bounds and the like, or leave out some checks: global and
                      shared (races; uninitialised and unfinished data), poison, mbarriers, wgmma
  --check=LIST        these checks alone; all of them is the default
  --counts            print what the kernel did
  --json              print diagnostics and counts as JSON
  --seed N            draw the order of warps from N
  --threads N         host threads
  --repeat N          launch so many times; the report is the last one's, the time that of the fastest
  --optimize          spend more on translation
  --list              list the kernels and their parameters, run nothing
  --translate         translate every kernel and say which cannot be, run nothing
)";

namespace {

struct Options {
  std::string file, kernel;
  Launch launch;
  LaunchOptions run;
  std::vector<Argument> arguments;
  uint64_t repeat = 1;
  bool counts = false, json = false, list = false, translate = false, hasGrid = false, hasBlock = false;
};

uint64_t parseNumber(const std::string &flag, const std::string &text) {
  char *end = nullptr;
  uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end || text[0] == '-')
    fail("expected a number after ", flag, ", got '", text, "'");
  return value;
}

Dim3 parseDim(const std::string &flag, const std::string &text) {
  uint32_t values[3] = {1, 1, 1};
  std::stringstream stream(text);
  std::string part;
  unsigned count = 0;
  if (text.empty())
    parseNumber(flag, text);
  while (std::getline(stream, part, ',')) {
    if (count == 3)
      fail("expected at most three numbers after ", flag, ", got '", text, "'");
    uint64_t value = parseNumber(flag, part);
    if (value > 0xffffffff)
      fail("expected numbers below 2^32 after ", flag, ", got '", text, "'");
    values[count++] = uint32_t(value);
  }
  return {values[0], values[1], values[2]};
}

Options parseOptions(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i], value;
    bool hasValue = false;
    if (size_t equals = flag.find('='); flag.starts_with("--") && equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag = flag.substr(0, equals);
      hasValue = true;
    }
    auto next = [&] {
      if (!hasValue) {
        if (i + 1 >= argc)
          fail("expected a value after ", flag);
        value = argv[++i];
      }
      return value;
    };
    if (flag == "--help" || flag == "-h") {
      std::fputs(usage, stdout);
      std::exit(0);
    } else if (flag == "--kernel") {
      options.kernel = next();
    } else if (flag == "--grid") {
      options.launch.grid = parseDim(flag, next());
      options.hasGrid = true;
    } else if (flag == "--block") {
      options.launch.block = parseDim(flag, next());
      options.hasBlock = true;
    } else if (flag == "--cluster") {
      options.launch.cluster = parseDim(flag, next());
    } else if (flag == "--shared") {
      options.launch.dynamicShared = uint32_t(std::min<uint64_t>(parseNumber(flag, next()), 0x7fffffff));
    } else if (flag == "--arg") {
      options.arguments.push_back(parseArgument(next()));
    } else if (flag == "--check") {
      options.run.checks = hasValue ? Checks::parse(value) : Checks::all();
    } else if (flag == "--no-check") {
      options.run.checks = hasValue ? options.run.checks.without(Checks::parse(value)) : Checks::none();
    } else if (flag == "--counts") {
      options.counts = true;
    } else if (flag == "--json") {
      options.json = true;
    } else if (flag == "--list") {
      options.list = true;
    } else if (flag == "--translate") {
      options.translate = true;
    } else if (flag == "--optimize") {
      options.run.optimize = 1;
    } else if (flag == "--seed") {
      options.run.seed = parseNumber(flag, next());
    } else if (flag == "--threads") {
      options.run.threads = unsigned(std::min<uint64_t>(parseNumber(flag, next()), 1024));
    } else if (flag == "--repeat") {
      options.repeat = std::max<uint64_t>(1, parseNumber(flag, next()));
    } else if (flag != "-" && flag.starts_with("-")) {
      fail("unknown option '", flag, "'; see --help");
    } else if (options.file.empty()) {
      options.file = flag;
    } else {
      fail("expected one PTX file, got '", options.file, "' and '", flag, "'");
    }
  }
  if (options.file.empty())
    fail("expected a PTX file; see --help");
  return options;
}

std::string readFile(const std::string &name) {
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(name == "-" ? stdin : std::fopen(name.c_str(), "rb"),
                                                        std::fclose);
  std::string text;
  char part[1 << 16];
  while (file) {
    size_t count = std::fread(part, 1, sizeof part, file.get());
    text.append(part, count);
    if (count < sizeof part && !std::ferror(file.get()))
      return text;
    if (count < sizeof part)
      break;
  }
  fail("expected a PTX file that can be read, got '", name, "': ", std::strerror(errno));
}

const Kernel &chooseKernel(const Module &module, const std::string &name) {
  std::string known;
  for (const Kernel &kernel : module.kernels())
    known += (known.empty() ? "" : ", ") + kernel.name;
  if (name.empty() && module.kernels().size() != 1)
    fail("expected --kernel with one of: ", known.empty() ? "(the file has no kernel)" : known);
  const Kernel *kernel = name.empty() ? &module.kernels().front() : module.kernel(name);
  if (!kernel)
    fail("expected a kernel of the file (", known, "), got '", name, "'");
  return *kernel;
}

void listKernels(const Module &module) {
  for (const Kernel &kernel : module.kernels()) {
    std::printf("%s: %u bytes of parameters, %u of shared memory\n", kernel.name.c_str(), kernel.parameterBytes,
                kernel.staticShared);
    for (const Parameter &parameter : kernel.parameters)
      std::printf("  %s: %u bytes at %u\n", parameter.name.c_str(), parameter.size, parameter.offset);
  }
}

/// The parameter buffer; buffers are allocated in order, and their addresses returned.
std::vector<uint8_t> layOut(Engine &engine, const Kernel &kernel, const Options &options,
                            std::vector<uint64_t> &addresses) {
  if (options.arguments.size() != kernel.parameters.size())
    fail("expected ", kernel.parameters.size(), " --arg for '", kernel.name, "', got ", options.arguments.size());
  std::vector<uint8_t> bytes(kernel.parameterBytes);
  const Argument *lastBuffer = nullptr;
  uint64_t lastAddress = 0;
  for (size_t i = 0; i < options.arguments.size(); ++i) {
    const Argument &argument = options.arguments[i];
    const Parameter &parameter = kernel.parameters[i];
    uint8_t value[128] = {};
    uint32_t size = 8;
    if (argument.isBuffer) {
      lastAddress = engine.allocate(argument.bytes()).get();
      lastBuffer = &argument;
      fillBuffer(argument, reinterpret_cast<uint8_t *>(lastAddress), options.run.seed + i);
      std::memcpy(value, &lastAddress, 8);
    } else if (argument.isMap) {
      if (!lastBuffer)
        fail("expected a buffer before '", argument.text, "'");
      size = 128;
      std::memcpy(value, makeMap(argument, *lastBuffer, lastAddress).encode().data(), 128);
    } else {
      size = elementBytes(argument.type);
      storeElement(argument.type, std::strtod(argument.value.c_str(), nullptr), value);
    }
    addresses.push_back(argument.isBuffer ? lastAddress : 0);
    if (size != parameter.size)
      fail("expected an argument of ", parameter.size, " bytes for '", parameter.name, "', got '", argument.text,
           "' of ", size);
    std::memcpy(&bytes[parameter.offset], value, size);
  }
  return bytes;
}

struct Count {
  const char *name;
  uint64_t Counters::*member;
};
constexpr Count counts[] = {{"warp instructions", &Counters::warpInstructions},
                            {"thread instructions", &Counters::threadInstructions},
                            {"global requests", &Counters::globalRequests},
                            {"global sectors", &Counters::globalSectors},
                            {"global load bytes", &Counters::globalLoadBytes},
                            {"global store bytes", &Counters::globalStoreBytes},
                            {"shared requests", &Counters::sharedRequests},
                            {"shared wavefronts", &Counters::sharedWavefronts},
                            {"tensor flops", &Counters::tensorFlops},
                            {"async bytes", &Counters::asyncBytes},
                            {"bulk bytes", &Counters::bulkBytes},
                            {"barriers", &Counters::barriers},
                            {"atomics", &Counters::atomics},
                            {"arithmetic", &Counters::arithmetic},
                            {"floating point", &Counters::floatingPoint},
                            {"special", &Counters::special},
                            {"conversions", &Counters::conversions},
                            {"moves", &Counters::moves},
                            {"branches", &Counters::branches},
                            {"memory", &Counters::memory},
                            {"tensor", &Counters::tensor},
                            {"synchronisation", &Counters::synchronisation},
                            {"exchanges", &Counters::exchanges}};

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (char c : text)
    if (c == '"' || c == '\\')
      result += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 32)
      result += ' ';
    else
      result += c;
  return result + "\"";
}

void printJson(const LaunchReport &report) {
  std::string text = "{\"completed\": " + std::string(report.completed ? "true" : "false") + ", \"diagnostics\": [";
  const char *separator = "";
  for (const Diagnostic &diagnostic : report.diagnostics) {
    text +=
        separator + concat("{\"message\": ", quoted(diagnostic.message), ", \"kernel\": ", quoted(diagnostic.kernel),
                           ", \"line\": ", diagnostic.line, ", \"location\": ", quoted(diagnostic.location),
                           ", \"occurrences\": ", diagnostic.occurrences, "}");
    separator = ", ";
  }
  text += "], \"counts\": {";
  separator = "";
  for (const Count &count : counts) {
    text += separator + concat(quoted(count.name), ": ", report.counters.*count.member);
    separator = ", ";
  }
  std::printf("%s}, \"translate_ms\": %.3f, \"run_ms\": %.3f}\n", text.c_str(), report.translateMilliseconds,
              report.runMilliseconds);
}

void printBuffer(const Argument &argument, uint64_t address) {
  std::printf("%s:", argument.text.c_str());
  auto *memory = reinterpret_cast<const uint8_t *>(address);
  for (uint64_t i = 0; i < argument.count(); ++i)
    std::printf(" %s", formatElement(argument.type, memory + i * elementBytes(argument.type)).c_str());
  std::printf("\n");
}

int translateAll(Engine &engine, const Module &module, const Options &options) {
  size_t failed = 0;
  for (const Kernel &kernel : module.kernels())
    if (Status status = engine.translate(module, kernel.name, options.run.optimize); !status) {
      std::fprintf(stderr, "%s: %s\n", kernel.name.c_str(), status.error().c_str());
      ++failed;
    }
  std::printf("%zu of %zu kernels translate\n", module.kernels().size() - failed, module.kernels().size());
  return failed != 0;
}

int run(const Options &options) {
  Engine engine;
  auto module = engine.load(readFile(options.file), options.file).get();
  if (options.list) {
    listKernels(*module);
    return 0;
  }
  if (options.translate)
    return translateAll(engine, *module, options);
  const Kernel &kernel = chooseKernel(*module, options.kernel);
  if (!options.hasGrid || !options.hasBlock)
    fail("expected --grid and --block");
  std::vector<uint64_t> addresses;
  std::vector<uint8_t> parameters = layOut(engine, kernel, options, addresses);
  Launch launch = options.launch;
  if (launch.cluster.count() == 1 && kernel.cluster.x)
    launch.cluster = kernel.cluster;
  launch.parameters = parameters.data();
  launch.parameterBytes = parameters.size();
  LaunchReport report = engine.launch(*module, kernel.name, launch, options.run).get();
  double translation = report.translateMilliseconds, fastest = report.runMilliseconds;
  for (uint64_t i = 1; i < options.repeat && report.completed; ++i) {
    report = engine.launch(*module, kernel.name, launch, options.run).get();
    fastest = std::min(fastest, report.runMilliseconds);
  }
  report.translateMilliseconds = translation;
  report.runMilliseconds = fastest;
  if (options.json)
    printJson(report);
  else
    for (const Diagnostic &diagnostic : report.diagnostics)
      std::fprintf(stderr, "%s\n", diagnostic.text().c_str());
  for (size_t i = 0; i < options.arguments.size(); ++i)
    if (options.arguments[i].print)
      printBuffer(options.arguments[i], addresses[i]);
  if (options.counts && !options.json) {
    for (const Count &count : counts)
      std::printf("%-20s %llu\n", count.name, static_cast<unsigned long long>(report.counters.*count.member));
    std::printf("translated in %.1f ms, ran in %.1f ms\n", report.translateMilliseconds, report.runMilliseconds);
  }
  return report.diagnostics.empty() && report.completed ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  try {
    openStandardStreams();
    int status = run(parseOptions(argc, argv));
    finishOutput();
    return status;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "hybrid-ptx-run: error: %s\n", error.what());
    return 1;
  }
}

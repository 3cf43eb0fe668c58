#include "runtime/cuda/Context.h"

using namespace hybridrt;
using namespace hybridrt::cuda;

CUdevice cuda::findGpu(const Driver &driver, int ordinal) {
  driver.check(driver.cuInit(0), "starting the CUDA driver");
  int count = 0;
  driver.check(driver.cuDeviceGetCount(&count), "counting GPUs");
  if (ordinal < 0 || ordinal >= count)
    fail("there is no GPU ", ordinal, ": the CUDA driver finds ", count, count ? ", numbered from 0" : "");
  CUdevice device = 0;
  driver.check(driver.cuDeviceGet(&device, ordinal), "opening the GPU");
  return device;
}

std::string cuda::nameOf(const Driver &driver, CUdevice device) {
  char text[256] = {};
  driver.check(driver.cuDeviceGetName(text, sizeof text - 1, device), "asking for the GPU's name");
  return text;
}

static int attributeOf(const Driver &driver, CUdevice device, CUdevice_attribute attribute) {
  int value = 0;
  driver.check(driver.cuDeviceGetAttribute(&value, attribute, device),
               concat("asking for the GPU's attribute ", int(attribute)));
  return value;
}

int cuda::capabilityOf(const Driver &driver, CUdevice device) {
  return 10 * attributeOf(driver, device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
         attributeOf(driver, device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
}

Context::Context(std::shared_ptr<const Driver> library, int ordinal)
    : driver(std::move(library)), device(findGpu(*driver, ordinal)), name(nameOf(*driver, device)) {
  check(driver->cuDevicePrimaryCtxRetain(&context, device), concat("starting work on the GPU ", name));
  Current current(*this);
  if (CUresult result = driver->cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING); result != CUDA_SUCCESS) {
    std::string reason = driver->describe(result);
    driver->cuDevicePrimaryCtxRelease_v2(device);
    fail("making a stream: ", reason);
  }
}

Context::~Context() {
  {
    Current current(*this);
    driver->cuStreamDestroy_v2(stream);
  }
  driver->cuDevicePrimaryCtxRelease_v2(device);
}

Context::Current::Current(const Context &context)
    : driver(*context.driver), entered(driver.cuCtxPushCurrent_v2(context.context) == CUDA_SUCCESS) {}

Context::Current::~Current() {
  CUcontext popped;
  if (entered)
    driver.cuCtxPopCurrent_v2(&popped);
}

int Context::attribute(CUdevice_attribute attribute) const { return attributeOf(*driver, device, attribute); }

void Context::synchronise(const std::string &doing) const { check(driver->cuStreamSynchronize(stream), doing); }

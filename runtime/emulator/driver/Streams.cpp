// Streams, events, and the recording of streams into graphs.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/Graph.h"
#include <algorithm>

using namespace hybridrt;
using namespace hybridrt::driver;

void driver::submit(Stream &stream, Work work) {
  if (!stream.capture)
    return execute(work);
  stream.last = {stream.capture->graph->add(std::move(work), stream.last)};
}

void driver::refuseCapture(const Stream &stream) {
  if (stream.capture)
    refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "expected a stream that is not being captured");
}

static CUresult createStream(const char *name, CUstream *stream, unsigned flags, int priority) {
  return callInContext(name, [&] {
    need(stream, "stream");
    if (flags > CU_STREAM_NON_BLOCKING)
      refuseValue("expected flags of streams, got ", flags);
    auto object = std::make_shared<Stream>();
    object->flags = flags;
    object->priority = priority;
    *stream = addObject<CUstream>(object);
  });
}

static void record(Event &event, Stream &stream) {
  event.recorded = true;
  event.time = std::chrono::steady_clock::now();
  event.capture = stream.capture;
  event.after = stream.capture ? stream.last : std::vector<GraphNode *>();
}

static float elapsed(CUevent start, CUevent end) {
  auto from = findObject<Event>(start), to = findObject<Event>(end);
  for (auto &event : {from, to}) {
    if (event->flags & CU_EVENT_DISABLE_TIMING)
      refuse(CUDA_ERROR_INVALID_HANDLE, "expected events that take the time");
    if (!event->recorded)
      refuse(CUDA_ERROR_INVALID_HANDLE, "expected events that are recorded");
  }
  return std::chrono::duration<float, std::milli>(to->time - from->time).count();
}

static void captureInfo(CUstream handle, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                        const CUgraphNode **last, size_t *count) {
  auto stream = findStream(handle);
  need(status, "status");
  *status = stream->capture ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  if (!stream->capture)
    return;
  if (id)
    *id = reinterpret_cast<uint64_t>(stream->capture.get());
  if (graph)
    *graph = reinterpret_cast<CUgraph>(stream->capture->graph.get());
  if (last)
    *last = reinterpret_cast<const CUgraphNode *>(stream->last.data());
  if (count)
    *count = stream->last.size();
}

extern "C" {

CUresult cuStreamCreate(CUstream *stream, unsigned flags) { return createStream("cuStreamCreate", stream, flags, 0); }

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority) {
  return createStream("cuStreamCreateWithPriority", stream, flags, priority);
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return callInitialised("cuStreamDestroy", [&] { dropObject<Stream>(stream); });
}

CUresult cuStreamSynchronize(CUstream stream) {
  return callInContext("cuStreamSynchronize", [&] { refuseCapture(*findStream(stream)); });
}

CUresult cuStreamQuery(CUstream stream) {
  return callInContext("cuStreamQuery", [&] { refuseCapture(*findStream(stream)); });
}

CUresult cuStreamGetFlags(CUstream stream, unsigned *flags) {
  return callInContext("cuStreamGetFlags", [&] {
    need(flags, "flags");
    *flags = findStream(stream)->flags;
  });
}

CUresult cuStreamGetPriority(CUstream stream, int *priority) {
  return callInContext("cuStreamGetPriority", [&] {
    need(priority, "priority");
    *priority = findStream(stream)->priority;
  });
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
  return callInContext("cuStreamGetCtx", [&] {
    need(context, "context");
    findStream(stream);
    *context = reinterpret_cast<CUcontext>(currentContext().get());
  });
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent waited, unsigned flags) {
  return callInContext("cuStreamWaitEvent", [&] {
    auto stream = findStream(handle);
    auto event = findObject<Event>(waited);
    auto capture = event->capture.lock();
    if (!capture) {
      refuseCapture(*stream); // of an event that is not part of it
      return;
    }
    if (stream->capture && stream->capture != capture)
      refuse(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "expected an event of the stream's own capture");
    // The stream joins.
    stream->capture = capture;
    for (GraphNode *node : event->after)
      if (std::find(stream->last.begin(), stream->last.end(), node) == stream->last.end())
        stream->last.push_back(node);
  });
}

CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *data) {
  return callInContext("cuLaunchHostFunc", [&] {
    need(reinterpret_cast<void *>(function), "function");
    submit(*findStream(stream), {CU_GRAPH_NODE_TYPE_HOST, nullptr, [=] {
                                   Unlocked unlocked;
                                   function(data);
                                 }});
  });
}

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  return callInContext("cuStreamBeginCapture", [&] {
    if (mode > CU_STREAM_CAPTURE_MODE_RELAXED)
      refuseValue("expected a mode of captures, got ", unsigned(mode));
    auto stream = findStream(handle);
    if (stream == state().defaultStream)
      refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot be captured");
    if (stream->capture)
      refuse(CUDA_ERROR_ILLEGAL_STATE, "expected a stream that is not being captured");
    stream->capture = std::make_shared<Capture>();
    stream->capture->graph = std::make_shared<Graph>();
    stream->capture->origin = stream.get();
    stream->last.clear();
  });
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  return callInContext("cuStreamEndCapture", [&] {
    need(graph, "graph");
    auto stream = findStream(handle);
    auto capture = stream->capture;
    if (!capture)
      refuse(CUDA_ERROR_ILLEGAL_STATE, "expected a stream that is being captured");
    if (capture->origin != stream.get())
      refuse(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "expected the stream that began the capture");
    bool unjoined = false;
    for (auto &[address, object] : state().objects) {
      auto *other = dynamic_cast<Stream *>(object.get());
      if (!other || other->capture != capture || other == stream.get())
        continue;
      for (GraphNode *node : other->last)
        unjoined |= std::none_of(capture->graph->nodes.begin(), capture->graph->nodes.end(),
                                 [&](auto &later) {
                                   return std::count(later->before.begin(), later->before.end(), node) > 0;
                                 }) &&
                    std::count(stream->last.begin(), stream->last.end(), node) == 0;
      other->capture = nullptr;
      other->last.clear();
    }
    stream->capture = nullptr;
    stream->last.clear();
    *graph = nullptr;
    if (unjoined)
      refuse(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "expected the stream to wait for every stream of the capture");
    *graph = addObject<CUgraph>(capture->graph);
  });
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  return callInContext("cuStreamIsCapturing", [&] { captureInfo(stream, status, nullptr, nullptr, nullptr, nullptr); });
}

CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                                   const CUgraphNode **last, size_t *count) {
  return callInContext("cuStreamGetCaptureInfo", [&] { captureInfo(stream, status, id, graph, last, count); });
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
  return callInitialised("cuThreadExchangeStreamCaptureMode", [&] {
    static thread_local CUstreamCaptureMode current = CU_STREAM_CAPTURE_MODE_GLOBAL;
    need(mode, "mode");
    std::swap(*mode, current);
  });
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  return callInContext("cuEventCreate", [&] {
    need(event, "event");
    auto object = std::make_shared<Event>();
    object->flags = flags;
    *event = addObject<CUevent>(object);
  });
}

CUresult cuEventDestroy_v2(CUevent event) {
  return callInitialised("cuEventDestroy", [&] { dropObject<Event>(event); });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return callInContext("cuEventRecord", [&] { record(*findObject<Event>(event), *findStream(stream)); });
}

CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) { return cuEventRecord(event, stream); }

CUresult cuEventSynchronize(CUevent event) {
  return callInContext("cuEventSynchronize", [&] {
    if (findObject<Event>(event)->capture.lock())
      refuse(CUDA_ERROR_CAPTURED_EVENT, "expected an event that is not part of a capture");
  });
}

CUresult cuEventQuery(CUevent event) { return cuEventSynchronize(event); }

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  return callInContext("cuEventElapsedTime", [&] {
    need(milliseconds, "milliseconds");
    *milliseconds = elapsed(start, end);
  });
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime(milliseconds, start, end);
}

} // extern "C"

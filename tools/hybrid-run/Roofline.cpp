#include "tools/hybrid-run/Roofline.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

double counted(const hybrid_step &step, std::string_view name) {
  for (size_t i = 0; i < step.count_size; ++i)
    if (name == step.counts[i].name)
      return double(step.counts[i].value);
  return 0;
}

static double ratio(double amount, double of) { return of > 0 ? amount / of : 0; }

Efficiency::Efficiency(const hybrid_step &step)
    : movedBytes(counted(step, "global load bytes") + counted(step, "global store bytes") +
                 counted(step, "async bytes") + counted(step, "bulk bytes")),
      movedOverLeast(ratio(movedBytes, step.bytes)),
      sectorsPerRequest(ratio(counted(step, "global sectors"), counted(step, "global requests"))),
      wavefrontsPerRequest(ratio(counted(step, "shared wavefronts"), counted(step, "shared requests"))),
      tensorShare(ratio(counted(step, "tensor flops"), step.flops)) {}

namespace {
/// The roof: an H100 with SXM memory, dense bf16 on tensor cores and f32 without.
constexpr double peakTensor = 989e12, peakPlain = 67e12, bandwidth = 3.35e12;

/// The plot's place in pixels and what it spans in powers of ten.
constexpr double left = 70, top = 20, width = 820, height = 420;
constexpr double leastX = -2, mostX = 4, leastY = 10, mostY = 15;

double placeX(double intensity) {
  double x = std::clamp(std::log10(std::max(intensity, 1e-9)), leastX, mostX);
  return left + (x - leastX) / (mostX - leastX) * width;
}
double placeY(double rate) {
  double y = std::clamp(std::log10(std::max(rate, 1.0)), leastY, mostY);
  return top + (mostY - y) / (mostY - leastY) * height;
}
double roof(double intensity, double peak) { return std::min(peak, intensity * bandwidth); }

class Page {
public:
  template <typename... Values> void add(const char *format, Values... values) {
    char line[1024];
    std::snprintf(line, sizeof line, format, values...);
    text += line;
  }
  void addText(const char *words) {
    for (; *words; ++words)
      switch (*words) {
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '&':
        text += "&amp;";
        break;
      default:
        text += *words;
      }
  }
  std::string text;
};
} // namespace

static void drawRoof(Page &page, double peak, const char *name) {
  double ridge = peak / bandwidth;
  page.add("<polyline fill='none' stroke='#444' points='%.1f,%.1f %.1f,%.1f %.1f,%.1f'/>\n", placeX(1e-2),
           placeY(roof(1e-2, peak)), placeX(ridge), placeY(peak), placeX(1e4), placeY(peak));
  page.add("<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", left + width, placeY(peak) - 5, name);
}

static void drawAxes(Page &page) {
  page.add("<rect x='%.0f' y='%.0f' width='%.0f' height='%.0f' fill='none' stroke='#999'/>\n", left, top, width,
           height);
  for (double x = leastX; x <= mostX; ++x)
    page.add("<text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>\n", placeX(std::pow(10, x)), top + height + 18,
             std::pow(10, x));
  for (double y = leastY; y <= mostY; ++y)
    page.add("<text x='%.1f' y='%.1f' text-anchor='end'>%g</text>\n", left - 8, placeY(std::pow(10, y)) + 4,
             std::pow(10, y - 12));
  page.add("<text x='%.1f' y='%.1f' text-anchor='middle'>operations per byte of global memory</text>\n",
           left + width / 2, top + height + 40);
  page.add("<text x='14' y='%.1f' transform='rotate(-90 14 %.1f)' text-anchor='middle'>TFLOP/s within reach</text>\n",
           top + height / 2, top + height / 2);
}

static void drawStep(Page &page, const hybrid_step &step) {
  Efficiency e(step);
  double peak = counted(step, "tensor flops") > 0 ? peakTensor : peakPlain;
  double expected = ratio(step.flops, step.bytes), actual = ratio(step.flops, e.movedBytes);
  if (expected <= 0)
    return;
  page.text += "<g><title>";
  page.addText(step.label);
  page.text += " ";
  page.addText(step.kernel);
  page.add(": %.3g operations per byte expected", expected);
  if (actual > 0)
    page.add(", %.3g counted", actual);
  page.text += "</title>";
  if (actual > 0)
    page.add("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#c33'/>"
             "<circle cx='%.1f' cy='%.1f' r='4' fill='#c33'/>",
             placeX(expected), placeY(roof(expected, peak)), placeX(actual), placeY(roof(actual, peak)), placeX(actual),
             placeY(roof(actual, peak)));
  page.add("<circle cx='%.1f' cy='%.1f' r='4' fill='none' stroke='#06c'/></g>\n", placeX(expected),
           placeY(roof(expected, peak)));
}

static void addTable(Page &page, std::span<const hybrid_step> steps) {
  page.text +=
      "<table><tr><th>step</th><th>kernel</th><th>calls</th><th>MFLOP</th><th>least KiB</th><th>moved / "
      "least</th><th>sectors / request</th><th>wavefronts / shared request</th><th>tensor share</th><th>threads</th>"
      "<th>registers</th><th>shared KiB</th></tr>\n";
  for (const hybrid_step &step : steps) {
    Efficiency e(step);
    page.text += "<tr><td>";
    page.addText(step.entry);
    page.text += "/";
    page.addText(step.variant);
    page.text += " ";
    page.addText(step.label);
    page.text += "</td><td>";
    page.addText(step.kernel);
    page.add("</td><td>%lu</td><td>%.3f</td><td>%.1f</td><td>%.2f</td><td>%.2f</td><td>%.2f</td><td>%.2f</td>",
             static_cast<unsigned long>(step.calls), step.flops * 1e-6, step.bytes / 1024, e.movedOverLeast,
             e.sectorsPerRequest, e.wavefrontsPerRequest, e.tensorShare);
    page.add("<td>%u</td><td>%s</td><td>%.1f</td></tr>\n", step.threads,
             step.registers ? std::to_string(step.registers).c_str() : "-", step.shared_bytes / 1024.0);
  }
  page.text += "</table>\n";
}

std::string rooflinePage(const std::string &model, std::span<const hybrid_step> steps) {
  Page page;
  page.text += "<!doctype html><html lang='en'><meta charset='utf-8'><title>";
  page.addText(model.c_str());
  page.text += "</title><style>body{font:14px sans-serif;margin:2em}svg text{font:12px sans-serif}"
               "td,th{padding:2px 10px;text-align:right}td:first-child,td:nth-child(2){text-align:left}</style><h1>";
  page.addText(model.c_str());
  page.text += "</h1><p>Each step on the roofline of an H100 (3.35 TB/s): a ring where the compiler expects it, a dot "
               "where the bytes that were counted put it. Where no bytes are counted there are rings alone.</p>\n";
  page.add("<svg width='%.0f' height='%.0f'>\n", left + width + 20, top + height + 50);
  drawAxes(page);
  drawRoof(page, peakTensor, "bf16 on tensor cores, 989 TFLOP/s");
  drawRoof(page, peakPlain, "f32, 67 TFLOP/s");
  for (const hybrid_step &step : steps)
    drawStep(page, step);
  page.text += "</svg>\n";
  addTable(page, steps);
  page.text += "</html>\n";
  return page.text;
}

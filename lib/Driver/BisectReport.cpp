#include "hybrid/Driver/Bisect.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>
using namespace mlir::hybrid;
using Status = BisectForm::Status;

const BisectForm *BisectReport::firstDifference() const {
  for (const BisectForm &form : forms)
    if (form.status == Status::differs || form.status == Status::fails)
      return &form;
  return nullptr;
}

static llvm::StringRef nameOf(Status status) {
  switch (status) {
  case Status::reference:
    return "reference";
  case Status::unchanged:
    return "unchanged";
  case Status::agrees:
    return "agrees";
  case Status::differs:
    return "differs";
  case Status::fails:
    return "fails";
  }
  llvm_unreachable("all are listed above");
}

static void write(llvm::raw_ostream &os, const BisectDifference &d) {
  auto line = [&](llvm::StringRef title, const llvm::Twine &text) {
    os << "  " << llvm::left_justify(title, 10) << text << "\n";
  };
  line("entry", d.variant.empty() ? d.entry : d.entry + ", variant " + d.variant);
  if (!d.layer.empty())
    line("layer", d.place.empty() ? d.layer : d.layer + " (" + d.place + ")");
  if (!d.kernel.empty())
    line("kernel", d.kernel + "; hybridc --explain " + d.kernel + " shows it");
  if (!d.op.empty())
    line("op", d.op);
  os << "  " << llvm::left_justify("value", 10) << d.value;
  if (d.sequence >= 0)
    os << ", sequence " << d.sequence << ", token " << d.position;
  else
    os << ", row " << d.row;
  os << ", column " << d.column << "\n";
  os << "  " << llvm::left_justify("numbers", 10) << llvm::format("expected %.9g, found %.9g", d.expected, d.found)
     << llvm::format("; the largest error is %.3g times what is allowed\n", d.error);
}

std::string BisectReport::text() const {
  std::string result;
  llvm::raw_string_ostream os(result);
  os << "model '" << model << "', " << tokens << " tokens in " << sequences << " sequences\n\n";
  size_t width = 0;
  for (const BisectForm &form : forms)
    width = std::max(width, form.name.size());
  for (const BisectForm &form : forms) {
    os << "  " << llvm::left_justify(form.name, width) << "  " << llvm::left_justify(nameOf(form.status), 9);
    if (form.status == Status::agrees || form.status == Status::differs)
      os << llvm::format("  error %.1e, allowed %.1e", form.error, form.allowed);
    os << "\n";
  }
  const BisectForm *first = firstDifference();
  if (!first) {
    os << "\nall forms agree\n";
    return result;
  }
  os << "\nfirst difference: " << first->name << "\n";
  if (!first->message.empty())
    os << "  " << first->message << "\n";
  if (first->difference)
    write(os, *first->difference);
  return result;
}

/// JSON knows no infinity.
static llvm::json::Value number(double value) {
  if (std::isfinite(value))
    return value;
  return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

std::string BisectReport::json() const {
  llvm::json::Array list;
  for (const BisectForm &form : forms) {
    llvm::json::Object object{{"name", form.name}, {"status", nameOf(form.status)}};
    if (form.status == Status::agrees || form.status == Status::differs) {
      object["error"] = number(form.error);
      object["allowed"] = form.allowed;
    }
    if (!form.message.empty())
      object["message"] = form.message;
    if (const auto &d = form.difference)
      object["difference"] = llvm::json::Object{{"entry", d->entry},         {"variant", d->variant},
                                                {"kernel", d->kernel},       {"layer", d->layer},
                                                {"place", d->place},         {"op", d->op},
                                                {"value", d->value},         {"row", d->row},
                                                {"column", d->column},       {"sequence", d->sequence},
                                                {"position", d->position},   {"expected", number(d->expected)},
                                                {"found", number(d->found)}, {"times_allowed", number(d->error)}};
    list.push_back(std::move(object));
  }
  const BisectForm *first = firstDifference();
  llvm::json::Object report{{"model", model}, {"sequences", sequences}, {"tokens", tokens}, {"forms", std::move(list)}};
  report["first_difference"] = first ? llvm::json::Value(first->name) : llvm::json::Value(nullptr);
  std::string result;
  llvm::raw_string_ostream os(result);
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(report))) << "\n";
  return result;
}

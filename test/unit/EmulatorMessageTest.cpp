// Every message of the emulator that the other tests do not expect: of the parser, of the translation and of the
// checks.
#include "test/unit/EmulatorHarness.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

struct Message {
  const char *text, *expected;
};

const char header[] = ".version 8.0\n.target sm_90a\n.address_size 64\n";

// In a text of its own, so that places are those of the first line.
const Message malformedTexts[] = {
    {".target 5", "t.ptx:1:9: expected an architecture such as sm_80, got '5'"},
    {".target sm_80, 5", "t.ptx:1:16: expected a target option, got '5'"},
    {".version x", "t.ptx:1:10: expected a number, got 'x'"},
    {".alias a, b;", "t.ptx:1:8: '.alias' is not supported: expected a function's definition, got 'a'"},
    {".frobnicate", "t.ptx:1:1: expected a function, a variable or another directive of a module, got '.frobnicate'"},
    {".pragma \"x\"", "t.ptx:1:12: expected ';', got the end of the text"},
    {".section .debug", "t.ptx:1:16: expected '{' after the section's name, got the end of the text"},
    {".section .debug {", "t.ptx:1:18: expected '}' at the section's end, got the end of the text"},
    {".file x", "t.ptx:1:7: expected a file's number, got 'x'"},
    {".file 1 2", "t.ptx:1:9: expected a file's name in quotes, got '2'"},
    {".file 1 \"x", "t.ptx:1:9: expected a closing '\"' on this line"},
    {".file 1 \"a\", x", "t.ptx:1:14: expected a file's time or size, got 'x'"},
    {".loc x", "t.ptx:1:6: expected a file's number, got 'x'"},
    {".loc 1 x", "t.ptx:1:8: expected a line, got 'x'"},
    {".loc 1 1 x", "t.ptx:1:10: expected a column, got 'x'"},
    {".loc 1 1 1, function_name 5", "t.ptx:1:27: expected a label, got '5'"},
    {".loc 1 1 1, function_name a+x", "t.ptx:1:29: expected an offset, got 'x'"},
    {".loc 1 1 1, here", "t.ptx:1:13: expected 'inlined_at', got 'here'"},
    {".global .b32", "t.ptx:1:13: expected a variable's name, got the end of the text"},
    {".global .b32 5;", "t.ptx:1:14: expected a variable's name, got '5'"},
    {".global x;", "t.ptx:1:9: expected a type such as .b32, got 'x'"},
    {".global .frob x;", "t.ptx:1:9: expected a type such as .b32, got '.frob'"},
    {".global .b32 x[y];", "t.ptx:1:16: expected a number of elements, got 'y'"},
    {".global .b32 x[1099511627777];",
     "t.ptx:1:16: expected a number of elements, an integer of at most 2^40, got '1099511627777'"},
    {".global .b32 x[1048576][1048577];", "t.ptx:1:25: expected a variable of at most 2^40 elements"},
    {".global .align x .b32 y;", "t.ptx:1:16: expected an alignment, got 'x'"},
    {".global .attribute(", "t.ptx:1:20: expected ')', got the end of the text"},
    {".global .b32 x[1] = {1, 2};", "t.ptx:1:25: expected no more values than the variable has elements, got '2'"},
    {".global .b32 x = y;", "t.ptx:1:18: expected an address only in a variable of 64-bit elements, got 'y'"},
    {".global .b64 x = generic(5);", "t.ptx:1:26: expected a variable's name, got '5'"},
    {".global .b32 x = 0f12;", "t.ptx:1:18: expected 8 hexadecimal digits after 0f, got '0f12'"},
    {".global .b64 x = 0d12;", "t.ptx:1:18: expected 16 hexadecimal digits after 0d, got '0d12'"},
    {".global .b32 x = 12q;", "t.ptx:1:18: expected a number, got '12q'"},
    {".global .b32 x[1.5];", "t.ptx:1:16: expected a number of elements, an integer of at most 2^40, got '1.5'"},
    {".global .b32 x", "t.ptx:1:15: expected ';', got the end of the text"},
    {".shared .b8 x[16777217];", "t.ptx:1:24: expected less than 16 MiB of shared memory, got 16777217 bytes"},
    {".global .b64 x = y;", "t.ptx: 'x' is initialised with the address of 'y', which is no variable of this module"},
    {".entry 5", "t.ptx:1:8: expected a function's name, got '5'"},
    {".entry k(.reg .b32 x)", "t.ptx:1:10: parameters in registers are not supported: expected '.param', got '.reg'"},
    {".entry k(.b32 x)", "t.ptx:1:10: expected '.param', got '.b32'"},
    {".entry k(.param .b8 x[1048577])", "t.ptx:1:31: expected at most 1 MiB of parameters, got 1048577 bytes"},
    {".entry k() .maxntid 1, 2, 3, 4 {}", "t.ptx:1:30: expected at most three numbers, got '4'"},
    {".entry k() .maxntid 1, x {}", "t.ptx:1:24: expected a number, got 'x'"},
    {".entry k(.param .b32 x y)", "t.ptx:1:24: expected ')', got 'y'"},
};

// In a kernel, from the fifth line on.
const Message malformedBodies[] = {
    {".pragma \"x\"", "t.ptx:6:2: expected ';', got the end of the text"},
    {".frobnicate", "t.ptx:5:1: expected an instruction or a declaration, got '.frobnicate'"},
    {".shared .b32 x[];", "t.ptx:5:17: expected a variable of known size, got ';'"},
    {".shared .b8 x[16777217];", "t.ptx:5:24: expected less than 16 MiB of shared memory, got 16777217 bytes"},
    {".local .b8 x[16777217];", "t.ptx:5:23: expected less than 16 MiB of local memory, got 16777217 bytes"},
    {".reg .frob x;", "t.ptx:5:6: expected a register's type such as .b32, got '.frob'"},
    {".reg .pred 5;", "t.ptx:5:12: expected a register's name, got '5'"},
    {".reg .b32 %r<x>;", "t.ptx:5:14: expected a number of registers, got 'x'"},
    {".reg .b32 %r<5;", "t.ptx:5:15: expected '>', got ';'"},
    {"T: .branchtargets 5;", "t.ptx:5:19: expected a label, got '5'"},
    {"P: .callprototype _", "t.ptx:6:2: expected ';', got the end of the text"},
    {"L: L: ret;", "t.ptx:5:4: expected one definition of label 'L', got a second"},
    {"@5 ret;", "t.ptx:5:2: expected a predicate, got '5'"},
    {"5;", "t.ptx:5:1: expected an instruction, got '5'"},
    {"mov.b32 {{{{{{{{{x", "t.ptx:5:18: expected operands nested at most 8 deep, got 'x'"},
    {"add.s32 a, =;", "t.ptx:5:12: expected an operand, got '='"},
    {"ld.b32 a, [b;", "t.ptx:5:13: expected ']', got ';'"},
    {"mov.b32 a, -x;", "t.ptx:5:13: expected a number, got 'x'"},
    {"@%p ret;", "t.ptx:5:2: expected a predicate register, got '%p'"},
};

std::string loadError(const std::string &text) {
  Engine engine;
  auto module = engine.load(text, "t.ptx");
  return module ? "" : module.error();
}

TEST(EmulatorMessages, OfTheParser) {
  for (auto [text, expected] : malformedTexts)
    EXPECT_EQ(loadError(text), expected) << text;
  for (auto [text, expected] : malformedBodies)
    EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n" + text + "\n}"), expected) << text;
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n" + std::string(256, '{') + "\n}"),
            "t.ptx:6:1: expected at most 256 nested scopes, got '}'");
  // Depths that would be too much for the stack.
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\nmov.b32 x, " + std::string(1000000, '!') + "y;\n}"),
            "t.ptx:5:22: expected operands nested at most 8 deep, got '!'");
}

const Message untranslatable[] = {
    {"add.cc.u16 %h1, %h2, %h3;", "t.ptx:7:1: 'add.cc.u16': expected a type of 32 or 64 bits"},
    {"fma.rn.s32 %r1, %r2, %r3, %r4;", "t.ptx:7:1: 'fma.rn.s32': expected a floating-point type"},
    {"dp4a.u32 %r1, %r2, %r3, %r4;", "t.ptx:7:1: 'dp4a.u32': expected two types"},
    {"cp.async.ca.shared.global [%r1], [%d1], %r2;", "t.ptx:7:1: 'cp.async.ca.shared.global': expected a constant"},
    {"cp.async.ca.shared.global [%r1], [%d1], 5;",
     "t.ptx:7:1: 'cp.async.ca.shared.global': expected a size of 4, 8 or 16 bytes"},
    {"mbarrier.expect_tx.shared.b64 [%r1];", "t.ptx:7:1: 'mbarrier.expect_tx.shared.b64': expected 2 operands, got 1"},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%r1], [%d1, {%r2, %r3}], "
     "[%r4];",
     "t.ptx:7:1: not supported: cp.async.bulk.tensor.2d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes at "
     "line 7: this mode of tensor copies"},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r1], [%d1], [%r4];",
     "t.ptx:7:1: 'cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes': expected a tensor "
     "map with coordinates"},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r1], [%d1, {}], [%r4];",
     "t.ptx:7:1: 'cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes': expected 1 to 5 "
     "coordinates"},
    {"cp.async.bulk.mbarrier::complete_tx::bytes [%r1], [%d1], 16, [%r2];",
     "t.ptx:7:1: 'cp.async.bulk.mbarrier::complete_tx::bytes': expected the spaces of destination and source"},
    {"lop3.b32 %r1, %r2, %r3, %r4, %r5;", "t.ptx:7:1: 'lop3.b32': expected three sources and a constant truth table"},
    {"mbarrier.arrive.expect_tx.shared.b64 %d1, [%r1];",
     "t.ptx:7:1: 'mbarrier.arrive.expect_tx.shared.b64': expected a number of bytes"},
    {"mov.b64 {%r1, %r2, %r3}, %d1;", "t.ptx:7:1: 'mov.b64': expected a vector that divides the type"},
    {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d1], 16;",
     "t.ptx:7:1: 'cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes': expected at least 4 operands, "
     "got 3"},
    {"ld.param.u32 %r1, [p+-4];", "t.ptx:7:1: 'ld.param.u32': expected an address within a parameter"},
    {"wgmma.mma_async.sync.aligned.m64n8k2147483664.f32.f16.f16 {%r0, %r1, %r2, %r3}, %d1, %d2, 1, 1, 1, 0, 0;",
     "t.ptx:7:1: not supported: wgmma.mma_async.sync.aligned.m64n8k2147483664.f32.f16.f16 at line 7"},
    {"lop3.b32 %r1, %r2, %r3, %r4;", "t.ptx:7:1: 'lop3.b32': expected 5 operands, got 4"},
    {"prmt.b32.f4e %r1, %r2, %r3, %r4;", "t.ptx:7:1: not supported: prmt.b32.f4e at line 7: modes of prmt"},
    {"setp.foo.u32 %p1, %r1, %r2;", "t.ptx:7:1: 'setp.foo.u32': expected a comparison that fits the type"},
    {"setp.eq.nand.u32 %p1, %r1, %r2, %p2;", "t.ptx:7:1: 'setp.eq.nand.u32': expected and, or or xor"},
    {"set.eq.u32 %r1, %r2, %r3;", "t.ptx:7:1: 'set.eq.u32': expected two types"},
    {"slct.f32 %r1, %r2, %r3, %r4;", "t.ptx:7:1: 'slct.f32': expected two types"},
    {"bra 5;", "t.ptx:7:1: 'bra': expected a label"},
    {"brx.idx %r1, 5;", "t.ptx:7:1: 'brx.idx': expected the label of a .branchtargets list"},
    {"call (%r1), f, (%r2);", "t.ptx:7:1: 'call': expected a .param variable, got '%r2'"},
    {"call f, ();", "t.ptx:7:1: 'call': expected as many arguments and results as 'f' has"},
    {"call %d1, ();", "t.ptx:7:1: not supported: call at line 7: indirect call"},
    {"call g, ();", "t.ptx:7:1: not supported: call at line 7: call of 'g', which this module does not define"},
    {"call vprintf;", "t.ptx:7:1: 'call': expected more arguments"},
    {"bar.red.popc.u32 %r1, 0, %r2;", "t.ptx:7:1: 'bar.red.popc.u32': expected a predicate"},
    {"bar.red.and.pred %p1, 0, %r2;", "t.ptx:7:1: 'bar.red.and.pred': expected a predicate"},
    {"setmaxnreg.inc.sync.aligned.u32 5;",
     "t.ptx:7:1: 'setmaxnreg.inc.sync.aligned.u32': expected a multiple of 8 from 24 to 256"},
    {"cvt.u32 %r1, %r2;", "t.ptx:7:1: not supported: cvt.u32 at line 7: types of cvt"},
    {"cvt.rn.f16x2.u32 %r1, %r2, %r3;", "t.ptx:7:1: not supported: cvt.rn.f16x2.u32 at line 7: types of cvt"},
    {"cvt.rn.f32.u32 %r1, %r2, %r3;", "t.ptx:7:1: not supported: cvt.rn.f32.u32 at line 7: types of cvt"},
    {"ld.pred %p1, [%d1];", "t.ptx:7:1: 'ld.pred': expected a type of at least 8 bits"},
    {"ld.param.u32 %r1, [p+8];", "t.ptx:7:1: 'ld.param.u32': expected an address within a parameter"},
    {"ld.param.u32 %r1, [nothing];", "t.ptx:7:1: 'ld.param.u32': expected an address within a parameter"},
    {"ld.global.v4.u64 {%d1, %d2, %d3}, [%d1];",
     "t.ptx:7:1: 'ld.global.v4.u64': expected a vector of 1, 2, 4 or 8 elements of at most 32 bytes together"},
    {"ld.global.u32 %r1, %d1;", "t.ptx:7:1: 'ld.global.u32': expected an address in brackets"},
    {"atom.add.u8 %r1, [%d1], %r2;", "t.ptx:7:1: not supported: atom.add.u8 at line 7: operands of this width"},
    {"ldmatrix.sync.aligned.m8n16.x1.b8 {%r1}, [%r2];",
     "t.ptx:7:1: not supported: ldmatrix.sync.aligned.m8n16.x1.b8 at line 7: shapes but m8n8 of b16"},
    {"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2}, [%r3];",
     "t.ptx:7:1: 'ldmatrix.sync.aligned.m8n8.x4.shared.b16': expected as many registers as matrices"},
    {"mma.sync.aligned.m16n8k16.row.col.f64.f64.f64.f64 {%r1}, {%r2}, {%r3}, {%r4};",
     "t.ptx:7:1: not supported: mma.sync.aligned.m16n8k16.row.col.f64.f64.f64.f64 at line 7: matrices of 'f64'"},
    {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r1}, {%r2}, {%r3}, {%r4};",
     "t.ptx:7:1: not supported: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 at line 7: this shape"},
    {"wgmma.mma_async.sync.aligned.m64n8k17.f32.f16.f16 {%r0, %r1, %r2, %r3}, %d1, %d2, 1, 1, 1, 0, 0;",
     "t.ptx:7:1: not supported: wgmma.mma_async.sync.aligned.m64n8k17.f32.f16.f16 at line 7: this shape"},
    {"@%p1 wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%r0, %r1, %r2, %r3}, %d1, %d2, 1, 1, 1, 0, 0;",
     "t.ptx:7:1: not supported: wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 at line 7: a predicate"},
    {"wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%d1, %d2, %d3, %d4}, %d1, %d2, 1, 1, 1, 0, 0;",
     "t.ptx:7:1: 'wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16': expected 32-bit registers as accumulators"},
    {"wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%r0, %r1, %r2, %r3}, {%r1}, %d2, 1, 1, 1, 0;",
     "t.ptx:7:1: 'wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16': expected 4 registers of A"},
    {"wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%r0, %r1, %r2, %r3}, %d1, %d2, 1, %r1, 1, 0, 0;",
     "t.ptx:7:1: 'wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16': expected a constant"},
    {"wgmma.mma_async.sync.aligned.m64n8k32.s32.s8.s8 {%r0, %r1, %r2, %r3}, %d1, %d2, 1;",
     "t.ptx:7:1: not supported: wgmma.mma_async.sync.aligned.m64n8k32.s32.s8.s8 at line 7: integer products"},
    {"wgmma.wait_group.sync.aligned %r1;", "t.ptx:7:1: 'wgmma.wait_group.sync.aligned': expected a constant"},
    {"elect.sync %r1, -1;", "t.ptx:7:1: 'elect.sync': expected a register and a predicate, d|p"},
    {"wmma.mma.sync.aligned.row.col.m8n8k4.f32.f32 {%r0, %r1, %r2, %r3},{%r0, %r1, %r2, %r3},{%r0, %r1, %r2, "
     "%r3},{%r0, %r1, %r2, %r3};",
     "t.ptx:7:1: not supported: wmma.mma.sync.aligned.row.col.m8n8k4.f32.f32 at line 7: this shape"},
    {"wmma.load.a.sync.aligned.row.m16n16k16.u8 {%r1}, [%d1], 16;",
     "t.ptx:7:1: not supported: wmma.load.a.sync.aligned.row.m16n16k16.u8 at line 7: this fragment"},
    {"wmma.mma.sync.aligned.row.col.m16n16k16 {%r0, %r1, %r2, %r3},{%r0, %r1, %r2, %r3},{%r0, %r1, %r2, %r3},{%r0, "
     "%r1, %r2, %r3};",
     "t.ptx:7:1: 'wmma.mma.sync.aligned.row.col.m16n16k16': expected types"},
    {"wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {}, {}, {}, {};",
     "t.ptx:7:1: 'wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32': expected fragments of 1 to 8 registers"},
    {"add.s32 %p1, %r1, %r2;", "t.ptx:7:1: 'add.s32': expected a register that is no predicate"},
    {"setp.eq.u32 %r1, %r1, %r2;", "t.ptx:7:1: 'setp.eq.u32': expected a predicate register"},
    {"mov.b64 %d1, {%r1, %r2, %r3};", "t.ptx:7:1: 'mov.b64': expected a vector that fills 64 bits"},
    {"add.s32 %r1, _, %r2;", "t.ptx:7:1: 'add.s32': expected a register or an immediate"},
    {"mov.u32 %r1, %tid.w;", "t.ptx:7:1: 'mov.u32': expected a component x, y or z, got '%tid.w'"},
    {"mov.u32 %r1, %pm0;", "t.ptx:7:1: not supported: mov.u32 at line 7: special register '%pm0'"},
    {"and.pred %p1, %r1, %p2;", "t.ptx:7:1: 'and.pred': expected a predicate"},
    {"add.s32 %r1, %p1, %r2;", "t.ptx:7:1: 'add.s32': expected a register that is no predicate"},
    {"ld.global.u32 %r1, [[%d1]];", "t.ptx:7:1: 'ld.global.u32': expected a register or an immediate"},
    {"cp.async.commit_group %r1, %r2;", "t.ptx:7:1: 'cp.async.commit_group': expected 0 operands, got 2"},
    {"st.param.b32 [zz], %r1;", "t.ptx:7:1: 'st.param.b32': expected a variable or a register, got 'zz'"},
};

std::string translationError(const std::string &body) {
  Engine engine;
  std::string text = header;
  text += ".func (.param .b32 q) f(.param .b32 p) { ret; }\n.visible .entry k(.param .u64 p) {\n"
          ".reg .b32 %r<64>; .reg .b64 %d<9>; .reg .b16 %h<9>; .reg .pred %p<9>;\n" +
          body + "\nret;\n}";
  auto module = engine.load(text, "t.ptx");
  EXPECT_TRUE(bool(module)) << body << "\n" << module.error();
  Status status = engine.translate(**module, "k", 0);
  return status ? "" : status.error();
}

TEST(EmulatorMessages, OfTheTranslation) {
  for (auto [text, expected] : untranslatable)
    EXPECT_EQ(translationError(text), expected) << text;
}

TEST(EmulatorMessages, OfRecursion) {
  Engine engine;
  auto module = engine.load(std::string(header) + ".func f() { call f; ret; }\n.entry k() { call f; ret; }", "t.ptx");
  ASSERT_TRUE(bool(module)) << module.error();
  EXPECT_EQ(engine.translate(**module, "k", 0).error(), "t.ptx:4:7: not supported: recursive call of 'f'");
}

struct Fault {
  const char *body, *expected;
  uint32_t threads = 1, blocks = 1, cluster = 1;
};

// %d holds a buffer of 4096 bytes, %t the thread, %b the block, %s is sm + 4 * %t; sm is 4 KiB of shared memory.
const Fault faults[] = {
    {"mbarrier.init.shared.b64 [sm+4], 1;", "shared memory access not aligned to 8 bytes at 0x404"},
    {"atom.shared.add.u32 %x, [sm+2], 1;", "atomic not aligned to 4 bytes at 0x402", 32},
    {"atom.shared.add.u32 %x, [sm], 1;", "atomic on uninitialised shared memory at 0x400"},
    {"atom.global.add.u32 %x, [%d+2], 1;", "atomic not aligned to 4 bytes"},
    {".local .b32 l; mov.u64 %y, l; cvta.local.u64 %y, %y; atom.add.u32 %x, [%y], 1;",
     "atomic on memory that is neither global nor shared"},
    {"mbarrier.init.shared.b64 [sm], 1; mov.u16 %h0, 4; "
     "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [sm+128], [%d], 16, [sm], "
     "%h0;",
     "multicast to CTA 2 of a cluster of 1 at 0x480"},
    {"mbarrier.init.shared.b64 [sm], 1; "
     "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [sm+128], [%d, {%t, %t}], [sm];",
     "a tensor map of rank 1 in a copy of rank 2"},
    {"add.u64 %y, %d, 2048; mbarrier.init.shared.b64 [sm], 1; "
     "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [sm+128], [%y, {%t, %t}], [sm];",
     "expected a tensor map that the driver's encode function made"},
    {"mbarrier.init.shared.b64 [sm], 1; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [sm+128], "
     "[%d], 12, [sm];",
     "bulk copy of 12 bytes: expected a multiple of 16 at 0x480"},
    {"mbarrier.init.shared.b64 [sm], 1; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [sm+128], "
     "[%d+4], 16, [sm];",
     "bulk copy not aligned to 16 bytes"},
    {"cp.async.ca.shared.global [%s], [%g], 4, 8; cp.async.wait_all;",
     "cp.async source of 8 bytes is larger than its destination"},
    {"cp.async.ca.shared.global [sm], [%d+4], 8; cp.async.wait_all;", "cp.async source not aligned to 8 bytes"},
    {"setp.lt.u32 %p, %t, 16; @!%p bra L; bar.warp.sync -1; bra END; L: bar.sync 0;\nEND:",
     "bar.warp.sync waits for lanes that do not come", 32},
    {"setp.lt.u32 %p, %t, 16; @!%p bra L; bar.sync 0; bra END; L: bar.sync 0;\nEND:",
     "lanes of one warp wait at different barriers", 32},
    {"T: .branchtargets A, C; brx.idx %t, T; A: C: ret;", "brx.idx index 2 beyond a table of 2", 32},
    {"bar.sync 16;", "expected a barrier from 0 to 15, got 16", 32},
    {"bar.sync 1, 33;", "expected a number of threads that is a multiple of 32 at a barrier, got 33", 32},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nbarrier.cluster.arrive.aligned;\nEND:",
     "barrier.cluster executed by some lanes of the warp only", 32},
    {"vote.sync.ballot.b32 %x, 1, 0xffff;", "executed by lanes that its member mask lacks", 32},
    {"bar.sync %t;", "an operand that must be equal in all lanes is not", 2},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nshfl.sync.idx.b32 %x, %t, 20, 31, 0xffff;\nEND:",
     "shfl reads a lane that does not execute it", 32},
    {"st.global.u32 [%d], %b;", "race in global memory: write after an unsynchronised write", 1, 2},
    {"setp.eq.u32 %p, %b, 0; @%p ld.global.u32 %x, [%d]; @!%p st.global.u32 [%d], 1;",
     "race in global memory: write after an unsynchronised read", 1, 2},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nmma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%v0, %v1, %v2, %v3}, "
     "{%v0, %v1, %v2, %v3}, {%v0, %v1}, {%v0, %v1, %v2, %v3};\nEND:",
     "a matrix instruction executed by some lanes of the warp only", 32},
    {"mbarrier.arrive.shared.b64 %y, [sm];", "mbarrier used before mbarrier.init or after mbarrier.inval at 0x400"},
    {"mbarrier.init.shared.b64 [sm], 2; mbarrier.arrive.shared.b64 %y, [sm]; mbarrier.init.shared.b64 [sm], 2;",
     "mbarrier.init of an mbarrier that is in use at 0x400"},
    {"mbarrier.init.shared.b64 [sm], 0;", "expected an mbarrier count from 1 to 2^20 - 1, got 0 at 0x400"},
    {"mbarrier.init.shared.b64 [sm], 1; mbarrier.expect_tx.shared.b64 [sm], 16; mbarrier.inval.shared.b64 [sm];",
     "mbarrier.inval while bytes are awaited at 0x400"},
    {"mov.u64 %y, 64; ld.param.u32 %x, [%y];", "parameter access out of bounds at 0x40"},
    {"mov.u64 %y, 0; st.param.u32 [%y], %x;", "store to a kernel's parameters"},
    {"bar.sync 1, 64;", "a barrier waits for more threads than the block has", 32},
    {"bar.arrive 1, 32;", "a barrier completes by arrivals alone: nobody waits for them", 32},
    {"setp.lt.u32 %p, %t, 32; @!%p bra L; bar.sync 1, 64; bra END; L: bar.sync 2, 64;\nEND:",
     "deadlock: the warp waits at a barrier for threads that do not come", 64},
    {"mbarrier.init.shared.b64 [sm], 2; L: mbarrier.test_wait.parity.shared.b64 %p, [sm], 0; @!%p bra L;",
     "deadlock or livelock: the warp waits for what does not happen"},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nbarrier.cluster.arrive; barrier.cluster.wait;\nEND:",
     "barrier.cluster executed by some lanes of the warp only", 32},
    {"barrier.cluster.arrive; barrier.cluster.arrive;", "barrier.cluster.arrive before the wait for the one before it",
     32, 2, 2},
    {"mov.u32 %x, 1; st.shared.u32 [sm], %x; st.shared.u32 [sm+4], %x; st.shared.u32 [sm+8], %x; st.shared.u32 "
     "[sm+12], %x; cp.async.bulk.global.shared::cta.bulk_group [%d], [sm], 16; cp.async.bulk.commit_group; "
     "cp.async.bulk.wait_group 0;",
     "the asynchronous proxy reads what ordinary stores wrote without fence.proxy.async between at 0x400"},
    {"cp.async.ca.shared.global [sm], [%d], 4; mov.u32 %x, 1; st.shared.u32 [sm], %x; cp.async.wait_all;",
     "write over the destination of an asynchronous copy that has not been waited for at 0x400"},
    {"cp.async.ca.shared.global [sm], [%d], 4; cp.async.ca.shared.global [sm], [%d], 4; cp.async.wait_all;",
     "asynchronous copy over the destination of another that has not been waited for at 0x400"},
    {"mov.u64 %a1, 0x3fff; mov.u64 %a2, 0x3fff; wgmma.fence.sync.aligned; "
     "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%v0, %v1, %v2, %v3}, %a1, %a2, 1, 1, 1, 0, 0; "
     "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
     "wgmma reads shared memory out of bounds at 0x3fff0", 128},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nwgmma.fence.sync.aligned; wgmma.commit_group.sync.aligned; "
     "wgmma.wait_group.sync.aligned 0;\nEND:",
     "wgmma executed by some lanes of the warp only", 32},
    {"shr.u32 %x, %t, 5; cvt.u64.u32 %a1, %x; add.u64 %a1, %a1, 0x40; mov.u64 %a2, 0x40; wgmma.fence.sync.aligned; "
     "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%v0, %v1, %v2, %v3}, %a1, %a2, 1, 1, 1, 0, 0; "
     "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
     "the warps of a warp group issue different products", 128},
    {"mov.u64 %a1, 0x3fff; mov.u64 %a2, 0x3fff; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%v0, %v1, %v2, "
     "%v3}, %a1, %a2, 1, 1, 1, 0, 0; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
     "wgmma without a wgmma.fence before it", 128},
    {"mov.u64 %a1, 8; mov.u64 %a2, 8; wgmma.fence.sync.aligned; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 "
     "{%v0, %v1, %v2, %v3}, %a1, %a2, 1, 1, 1, 0, 0; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
     "wgmma in a warp group of fewer than four warps", 32},
    {".local .b8 m[8]; .local .b8 f[8]; mov.u64 %y, m; mov.u64 %w, f; mov.u32 %x, 0x0078; st.local.u32 [%y], %x; "
     "mov.u32 %x, 0x0079; st.local.u32 [%w], %x; cvta.local.u64 %y, %y; cvta.local.u64 %w, %w; { .param .b64 a0; "
     ".param .b64 a1; .param .b32 a2; .param .b64 a3; .param .b64 a4; st.param.b64 [a0], %y; st.param.b64 [a1], %w; "
     "st.param.b32 [a2], 7; st.param.b64 [a3], %w; st.param.b64 [a4], 1; call.uni __assertfail, (a0, a1, a2, a3, a4); "
     "}",
     "assertion failed: x in y"},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nvote.sync.any.pred %p, %q, -1; setmaxnreg.inc.sync.aligned.u32 64; "
     "barrier.sync.aligned 0;\nEND:",
     "executed by some lanes of the warp only", 32},
    {"mov.u64 %a1, 0x40; mov.u64 %a2, 0x40; wgmma.fence.sync.aligned; "
     "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%v0, %v1, %v2, %v3}, {%v8, %v9, %v10, %v11}, %a2, 1, 1, 1, 0; "
     "wgmma.commit_group.sync.aligned; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%v8, %v9, %v10, %v11}, %a1, "
     "%a2, 1, 1, 1, 0, 0; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
     "wgmma with registers that an unfinished wgmma has in another role", 128},
    {"setp.lt.u32 %p, %t, 16; @!%p bra END;\nwmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {%v0, %v1, %v2, %v3, %v4, "
     "%v5, %v6, %v7},{%v0, %v1, %v2, %v3, %v4, %v5, %v6, %v7},{%v0, %v1, %v2, %v3, %v4, %v5, %v6, %v7},{%v0, %v1, %v2, "
     "%v3, %v4, %v5, %v6, %v7};\nEND:",
     "a matrix instruction executed by some lanes of the warp only", 32},
};

std::string faultText(const std::string &body) {
  return std::string(header) + R"(.shared .align 128 .b8 sm[4096];
.visible .entry k(.param .u64 p) {
  .reg .b64 %d, %g, %y, %w, %a<4>;
  .reg .b32 %t, %b, %o, %s, %r, %x, %z, %v<64>;
  .reg .b16 %h<2>;
  .reg .pred %p, %q;
  ld.param.u64 %d, [p];
  mov.u32 %t, %tid.x;
  mov.u32 %b, %ctaid.x;
  shl.b32 %o, %t, 2;
  mad.wide.u32 %g, %t, 4, %d;
  mov.u32 %s, sm;
  add.u32 %s, %s, %o;
)" + body +
         "\n  ret;\n}\n";
}

/// The diagnostics, a message a line, without the addresses of allocations.
std::string faultsOf(const Fault &fault) {
  Engine engine;
  auto module = engine.load(faultText(fault.body), "t.ptx");
  EXPECT_TRUE(bool(module)) << fault.body << "\n" << module.error();
  Buffer<uint8_t> data(engine, 4096);
  TensorMap map;
  map.address = data.address();
  map.rank = 1;
  map.size[0] = map.box[0] = 64;
  auto encoded = map.encode();
  std::copy(encoded.begin(), encoded.end(), data.begin());
  LaunchOptions options;
  options.threads = 1;
  std::string result;
  for (const Diagnostic &diagnostic : launch(engine, **module, "k", {fault.blocks}, {fault.threads},
                                             Parameters().add(data), options, 0, {fault.cluster})
                                          .diagnostics)
    result += (diagnostic.address >= data.address() ? diagnostic.message.substr(0, diagnostic.message.rfind(" at "))
                                                    : diagnostic.message) +
              "\n";
  return result;
}

TEST(EmulatorMessages, OfLaunches) {
  Engine engine;
  auto module =
      engine.load(std::string(header) + ".entry exact() .reqntid 64 { ret; }\n.entry most() .maxntid 64 { ret; }"
                                        "\n.entry pairs() .reqnctapercluster 2 { ret; }",
                  "t.ptx");
  ASSERT_TRUE(bool(module)) << module.error();
  auto launchError = [&](const char *kernel, uint32_t threads, Dim3 cluster = {}) {
    return engine.launch(**module, kernel, {{4}, {threads}, cluster}).error();
  };
  EXPECT_EQ(launchError("exact", 32),
            "launch of 'exact': expected a block of (64, 1, 1) threads (.reqntid), got (32, 1, 1)");
  EXPECT_EQ(launchError("most", 65), "launch of 'most': expected a block of at most 64 threads (.maxntid), got 65");
  EXPECT_EQ(launchError("pairs", 32, {4}),
            "launch of 'pairs': expected a cluster of (2, 1, 1) blocks (.reqnctapercluster), got (4, 1, 1)");
  EXPECT_EQ(launchError("other", 32), "expected a kernel of the module, got 'other'");
  struct Foreign : Module {
    const std::vector<Kernel> &kernels() const override { return none; }
    const std::vector<Global> &globals() const override { return noGlobals; }
    const std::string &target() const override { return words; }
    const std::string &text() const override { return words; }
    std::vector<Kernel> none;
    std::vector<Global> noGlobals;
    std::string words;
  } foreign;
  EXPECT_EQ(engine.translate(foreign, "exact", 0).error(), "expected a module that this engine loaded");
}

TEST(EmulatorMessages, OfMemory) {
  Engine engine;
  EXPECT_EQ(engine.allocate(uint64_t(1) << 62).error(), "expected 4611686018427387904 bytes of free memory for the "
                                                        "emulated device, and the system refuses them");
  EXPECT_EQ(engine.registerRange(0, 5).error(), "expected a range of memory, got 5 bytes at 0");
  EXPECT_EQ(engine.unregisterRange(64).error(), "expected the address of a registered range, got 64");
  TensorMap map;
  map.rank = 6;
  EXPECT_EQ(map.verify().error(), "expected a tensor map of rank 1 to 5, got 6");
}

TEST(EmulatorMessages, OfTheChecks) {
  for (const Fault &fault : faults)
    EXPECT_NE(("\n" + faultsOf(fault)).find(std::string("\n") + fault.expected + "\n"), std::string::npos)
        << fault.expected << "\n"
        << fault.body << "\n"
        << faultsOf(fault);
}

} // namespace

// The layout algebra against the fragment maps of the PTX ISA, written out as formulas.
#include "hybrid/Support/Layout.h"
#include "gtest/gtest.h"
#include <set>
using namespace mlir::hybrid;

TEST(Layout, AccumulatorIsTheFragmentOfMmaSync) {
  Layout layout = Layout::accumulator({64, 32}, /*down=*/2, /*across=*/2, /*warps=*/4);
  for (int warp = 0; warp < 4; ++warp)
    for (int lane = 0; lane < 32; ++lane)
      for (int block = 0; block < 2; ++block) // of 16 rows
        for (int column = 0; column < 2; ++column)
          for (int i = 0; i < 4; ++i) { // c0, c1 in row lane / 4, c2, c3 eight rows below
            Coordinate c = layout.at(warp, lane, (block * 2 + column) * 4 + i);
            EXPECT_EQ(c[0], warp % 2 * 32 + block * 16 + lane / 4 + i / 2 * 8);
            EXPECT_EQ(c[1], warp / 2 * 16 + column * 8 + lane % 4 * 2 + i % 2);
          }
}

TEST(Layout, OperandsAreTheFragmentsOfMmaSync) {
  Layout a = Layout::operandA({16, 32}, 1, 1), b = Layout::operandB({32, 16}, 1, 1, 1);
  for (int lane = 0; lane < 32; ++lane)
    for (int step = 0; step < 2; ++step) {
      for (int i = 0; i < 8; ++i) { // a0..a7
        Coordinate c = a.at(0, lane, step * 8 + i);
        EXPECT_EQ(c[0], lane / 4 + (i / 2 % 2) * 8);
        EXPECT_EQ(c[1], step * 16 + lane % 4 * 2 + i % 2 + i / 4 * 8);
      }
      for (int block = 0; block < 2; ++block)
        for (int i = 0; i < 4; ++i) { // b0..b3
          Coordinate c = b.at(0, lane, (block * 2 + step) * 4 + i);
          EXPECT_EQ(c[0], step * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8);
          EXPECT_EQ(c[1], block * 8 + lane / 4);
        }
    }
}

TEST(Layout, AccumulatorBecomesLeftOperandInRegisters) {
  // One warp per block of rows holds whole rows, so the next product's left operand is there already.
  Layout acc = Layout::accumulator({64, 80}, 4, 1, 4);
  EXPECT_TRUE(acc.registerMap(Layout::operandA({64, 80}, 4, 4)));
  // Two warps across hold half a row each.
  Layout split = Layout::accumulator({64, 80}, 2, 2, 4);
  EXPECT_FALSE(split.registerMap(Layout::operandA({64, 80}, 2, 4)));
}

TEST(Layout, EveryElementHasOneHolder) {
  for (int64_t warps : {1, 4, 8})
    for (auto shape : std::vector<std::array<int64_t, 2>>{{1, 2048}, {67, 96}, {5, 48}, {128, 80}, {3, 1}, {64, 7}}) {
      for (const Layout &layout : {Layout::blocked(shape, 8, warps), Layout::multiplyAdd(shape, warps)}) {
        EXPECT_TRUE(layout.covers(shape));
        std::map<Coordinate, int> seen;
        int64_t copies = 1;
        for (auto digits : {layout.getLanes(), layout.getWarps()})
          for (const Digit &d : digits)
            copies *= d.axis < 0 ? d.extent : 1;
        for (int64_t w = 0; w < warps; ++w)
          for (int64_t l = 0; l < 32; ++l)
            for (int64_t r = 0; r < layout.numRegisters(); ++r)
              ++seen[layout.at(w, l, r)];
        for (int64_t i = 0; i < shape[0]; ++i)
          for (int64_t j = 0; j < shape[1]; ++j)
            EXPECT_EQ(seen[(Coordinate{i, j})], copies);
      }
    }
}

TEST(Layout, SliceFollowsTheTile) {
  Layout layout = Layout::accumulator({64, 48}, 2, 2, 8);
  for (int axis : {0, 1}) {
    Layout slice = layout.slice(axis);
    EXPECT_TRUE(slice.covers({axis ? 64 : 48}));
    for (int64_t w = 0; w < 8; ++w)
      for (int64_t l = 0; l < 32; ++l)
        for (int64_t r = 0; r < layout.numRegisters(); ++r)
          EXPECT_EQ(slice.at(w, l, layout.sliceRegister(axis, r))[0], layout.at(w, l, r)[1 - axis]);
  }
}

TEST(Layout, GapsAndOverlapsDoNotCover) {
  Digit lanes[] = {{32, 0, 1}}, gap[] = {{2, 0, 64}}, overlap[] = {{2, 0, 16}};
  EXPECT_TRUE(Layout(1, {}, lanes, {}).covers({32}));
  EXPECT_FALSE(Layout(1, gap, lanes, {}).covers({64}));
  EXPECT_FALSE(Layout(1, overlap, lanes, {}).covers({48}));
  EXPECT_FALSE(Layout(1, {}, lanes, {}).covers({33}));
}

TEST(SharedLayout, ColumnsOfChunksMeetAllBanks) {
  for (int64_t columns : {16, 32, 64, 72, 80, 96, 128, 144, 160, 192, 256}) {
    SharedLayout shared = SharedLayout::choose({64, columns}, 2);
    std::set<int64_t> bytes;
    for (int64_t r = 0; r < 64; ++r)
      for (int64_t c = 0; c < columns; ++c)
        bytes.insert(shared.offset({r, c}, 2));
    EXPECT_EQ(int64_t(bytes.size()), 64 * columns) << columns;
    EXPECT_LE(*bytes.rbegin() + 2, shared.bytes({64, columns}));
    // ldmatrix reads eight rows of one chunk: eight times 16 bytes of 128.
    for (int64_t r = 0; r < 64; r += 8)
      for (int64_t chunk = 0; chunk < columns / 8; ++chunk) {
        std::set<int64_t> banks;
        for (int64_t i = 0; i < 8; ++i)
          banks.insert(shared.offset({r + i, chunk * 8}, 2) / 16 % 8);
        EXPECT_EQ(banks.size(), 8u) << columns << " " << r << " " << chunk;
      }
  }
}

TEST(MatrixLanes, NameTheRowsOfFragments) {
  // Lane l names row l % 8 of matrix l / 8; matrix i becomes fragment register i.
  for (int lane = 0; lane < 32; ++lane) {
    int row = lane % 8, matrix = lane / 8;
    auto at = [&](MatrixOperand operand, bool transposed) { return matrixLanes(operand, transposed).at(0, lane, 0); };
    EXPECT_EQ(at(MatrixOperand::A, false), (Coordinate{row + matrix % 2 * 8, matrix / 2 * 8}));
    EXPECT_EQ(at(MatrixOperand::A, true), (Coordinate{row + matrix / 2 * 8, matrix % 2 * 8}));
    EXPECT_EQ(at(MatrixOperand::B, true), (Coordinate{row + matrix / 2 * 8, matrix % 2 * 8}));
    EXPECT_EQ(at(MatrixOperand::B, false), (Coordinate{row + matrix % 2 * 8, matrix / 2 * 8}));
  }
}

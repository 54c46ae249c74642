package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.cases.BlockCase;

/** What is done to a pruned block's modules, beside taking the samples through the block. */
final class BlockRows {
  private BlockRows() {}

  static Outcome swapsBesideForward(Row row, Place place, Pairs pairs) {
    try (BlockCase block = block(row, place)) {
      return besideForward(block, Work.of(block::swap), pairs);
    }
  }

  static Outcome reconstructBesideForward(Row row, Place place, Pairs pairs) {
    try (BlockCase block = block(row, place)) {
      return besideForward(block, Work.of(block::reconstruct), pairs);
    }
  }

  static Outcome alpsBesideSparseGpt(Row row, Place place, Pairs pairs) {
    try (BlockCase block = block(row, place)) {
      Work alps = Work.of(() -> block.prune("wanda+alps"));
      Work sparseGpt = Work.of(() -> block.prune("sparsegpt"));
      return pairs.measure(Unit.SECONDS, new Pairs.Side(1, alps), new Pairs.Side(1, sparseGpt));
    }
  }

  private static BlockCase block(Row row, Place place) {
    return new BlockCase(
        place.memory(),
        row.get("block"),
        row.get("samples"),
        row.get("amount"),
        Runtime.getRuntime().availableProcessors());
  }

  private static Outcome besideForward(BlockCase block, Work work, Pairs pairs) {
    block.check();
    return pairs.measure(
        Unit.SECONDS, new Pairs.Side(1, work), new Pairs.Side(1, Work.of(block::forward)));
  }
}

package io.github.wandacuda.families;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** What a run left of a dense model's weights, none of which was zero. */
final class WrittenWeights {
  private WrittenWeights() {}

  /** Returns whether each weight of a module of the source was kept in the output, row by row. */
  static boolean[] kept(LinearModule module, Path output) {
    Path shard = output.resolve(module.shard().path().getFileName());
    byte[] bytes = TestData.bytes(shard).get(module.tensor().name());
    WeightMatrix weights = module.view(MemorySegment.ofArray(bytes));
    boolean[] kept = new boolean[weights.rows() * weights.columns()];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = weights.get(i / weights.columns(), i % weights.columns()) != 0;
    }
    return kept;
  }
}

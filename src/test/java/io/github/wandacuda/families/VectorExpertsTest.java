package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Tier;
import java.util.List;

class VectorExpertsTest extends ExpertsParity {
  VectorExpertsTest() {
    super(() -> Pruning.cpu(2), 1e-6);
  }

  /** One that was trained, too. */
  @Override
  List<String> models() {
    return Tier.cases(List.of("mixtral", "qwen2_moe", "tiny-moe"), 2);
  }
}

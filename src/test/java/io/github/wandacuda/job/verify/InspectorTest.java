package io.github.wandacuda.job.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InspectorTest {
  @Test
  void eachModuleIsTold() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      List<LinearModule> modules = model.modules();
      List<Long> told = new ArrayList<>();
      Inspector.inspect(modules, 1, (what, done, total, share) -> told.add(done));
      assertThat(told).hasSize(modules.size()).isSorted();
    }
  }
}

package io.github.wandacuda.pruning;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskFile;
import io.github.wandacuda.pruning.mask.ModuleMasks;
import io.github.wandacuda.pruning.recipe.Recipe;
import io.github.wandacuda.testing.Fuzzing;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

class PruningFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();
  private static final List<LinearModule> MODULES = modules();

  private static List<LinearModule> modules() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      return List.copyOf(model.modules());
    }
  }

  @FuzzTest
  void masks(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", PruningFuzzTest::readMasks);
  }

  private static void readMasks(Path file) {
    LinearModule first = MODULES.getFirst();
    try (ModuleMasks masks = MaskFile.open(file, MODULES, "any")) {
      masks.require(List.of(first));
      masks.read(first, MemorySegment.ofArray(new byte[(int) first.maskBytes()]));
    }
  }

  @FuzzTest
  void recipe(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.yaml", Recipe::read);
  }
}

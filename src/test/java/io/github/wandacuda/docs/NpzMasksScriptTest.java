package io.github.wandacuda.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskFile;
import io.github.wandacuda.pruning.mask.ModuleMasks;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script that makes a file of masks of MaskLLM's. */
class NpzMasksScriptTest {
  private static final Path NPZ = TestData.GOLDEN.resolve("wanda-2of4.block0.npz");

  @TempDir Path folder;

  @Test
  void whatNumPyWroteBecomesTheMasksOfTheModel() throws Exception {
    assumeTrue(Command.of("python3", "-c", "import numpy").succeeds(), "there is no NumPy");
    Path file = folder.resolve("masks.safetensors");
    Path script = Path.of("src/python/npz_masks.py");
    Command.of("python3", script, NPZ, TestData.TINY_LLAMA, file).run().succeeds();
    TreeMap<String, byte[]> golden =
        TestData.bytes(TestData.GOLDEN.resolve("wanda-2of4.masks.safetensors"));
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        ModuleMasks masks = MaskFile.open(file, model.modules(), SourceDigest.of(model))) {
      List<LinearModule> block =
          model.modules().stream().filter(one -> one.name().contains("layers.0.")).toList();
      assertThat(block).hasSize(7);
      for (LinearModule module : block) {
        byte[] bits = new byte[(int) module.maskBytes()];
        masks.read(module, MemorySegment.ofArray(bits));
        assertThat(bits).as(module.name()).isEqualTo(golden.get(module.name() + ".mask"));
      }
    }
  }

  @Test
  void theArchiveItselfIsRefusedWithTheScript() {
    assertThatThrownBy(() -> MaskFile.open(NPZ, List.of(), null))
        .isInstanceOf(InputException.class)
        .hasMessage(
            NPZ
                + ": expected a safetensors file of masks, found an archive of NumPy arrays;"
                + " src/python/npz_masks.py makes a file of masks of one");
  }
}

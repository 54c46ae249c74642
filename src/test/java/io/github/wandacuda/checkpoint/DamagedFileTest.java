package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.TensorBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class DamagedFileTest {
  private static final Path SHARD = TestFiles.LLAMA_GQA.resolve("model-00002-of-00003.safetensors");

  @Property
  void damageToTheHeaderIsAnInputErrorOrHarmless(
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 1600) Integer> places,
      @ForAll byte value,
      @ForAll @IntRange(max = 2000) int cut)
      throws IOException {
    byte[] content = Files.readAllBytes(SHARD);
    places.forEach(at -> content[at] = value);
    byte[] damaged = cut < 1000 ? content : Arrays.copyOf(content, cut);
    Path file = Files.createTempFile("damaged", ".safetensors");
    try {
      Files.write(file, damaged);
      openAndTouchEverything(file);
    } finally {
      Files.delete(file);
    }
  }

  private static void openAndTouchEverything(Path path) {
    try (var file = SafetensorsFile.open(path)) {
      long end = file.dataOffset();
      for (TensorInfo info : file.tensors()) {
        assertThat(TensorBytes.of(file, info)).hasSize((int) info.bytes());
        end += info.bytes();
      }
      assertThat(end).isEqualTo(file.byteSize());
    } catch (InputException e) {
      assertThat(e.getMessage()).contains(path.toString()).doesNotContain("\n", "\r");
    }
  }
}

package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Slices of tensors, read from any byte on, against their elements one by one. */
class SlicedTensorTest {
  private static final int ELEMENT = 4;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 7, 0.5",
    "5, 7, 3, 0.5",
    "3, 40, 1, 0.8",
    "64, 5000, 1, 0.5",
    "2, 9, 3000, 0.6",
    "300, 1200, 1, 0.99",
  })
  void partsAreRead(int outer, int size, int inner, double share) throws IOException {
    Random random = new Random(outer * 31L + size);
    byte[] source = new byte[outer * size * inner * ELEMENT];
    random.nextBytes(source);
    List<Long> shape = List.of((long) outer, (long) size, (long) inner);
    Path path = directory.resolve("model.safetensors");
    TensorInfo info = new TensorInfo("t", "F32", shape, 0, source.length);
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(SafetensorsWriter.header(List.of(info), Map.of()));
    file.write(source);
    Files.write(path, file.toByteArray());
    List<Integer> kept =
        IntStream.range(0, size)
            .filter(index -> index == size / 2 || random.nextDouble() < share)
            .boxed()
            .toList();
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    for (int row = 0; row < outer; row++) {
      for (int index : kept) {
        expected.write(source, (row * size + index) * inner * ELEMENT, inner * ELEMENT);
      }
    }
    byte[] all = expected.toByteArray();
    try (SafetensorsFile opened = SafetensorsFile.open(path)) {
      SlicedTensor slice =
          SlicedTensor.of(new Checkpoint.Entry(opened, opened.stored().getFirst()), 1, kept);
      assertThat(slice.shape()).containsExactly((long) outer, (long) kept.size(), (long) inner);
      assertThat(slice.bytes()).isEqualTo(all.length);
      for (int tries = 0; tries < 200; tries++) {
        int from = tries == 0 ? 0 : random.nextInt(all.length);
        byte[] found =
            new byte[tries == 0 ? all.length : random.nextInt(Math.min(9000, all.length - from))];
        slice.read(from, MemorySegment.ofArray(found));
        assertThat(found).isEqualTo(Arrays.copyOfRange(all, from, from + found.length));
      }
    }
  }
}

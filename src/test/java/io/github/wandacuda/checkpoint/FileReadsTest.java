package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.CancelledException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileReadsTest {
  private static final int BYTES = (3 << 20) + 5;

  @TempDir Path folder;
  private Path path;
  private final byte[] data = new byte[BYTES];

  @BeforeEach
  void write() throws IOException {
    new Random(11).nextBytes(data);
    path = folder.resolve("x.safetensors");
    int half = BYTES / 2;
    TestFiles.write(
        path,
        data,
        entry("a", "U8", "[" + half + "]", 0, half),
        entry("b", "U8", "[" + (BYTES - half) + "]", half, BYTES));
  }

  private static TensorInfo tensor(SafetensorsFile file, String name) {
    return file.tensor(name).orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "1, 4096", "4095, 2", "7, 1048576", "3, 1048577", "0, 1572866", "1572866, 0"})
  void readsAnyPieceIntoAnyMemory(int offset, int count) {
    byte[] expected = Arrays.copyOfRange(data, offset, offset + count);
    try (var file = SafetensorsFile.open(path);
        Arena arena = Arena.ofShared()) {
      byte[] array = new byte[count];
      file.read(tensor(file, "a"), offset, MemorySegment.ofArray(array));
      assertThat(array).isEqualTo(expected);
      MemorySegment odd = arena.allocate(count + 2L, 64).asSlice(1, count);
      file.read(tensor(file, "a"), offset, odd);
      assertThat(odd.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
    }
  }

  @Test
  void aTensorEndsWhereTheNextOneStarts() {
    try (var file = SafetensorsFile.open(path)) {
      TensorInfo a = tensor(file, "a");
      MemorySegment two = MemorySegment.ofArray(new byte[2]);
      assertThatThrownBy(() -> file.read(a, a.bytes() - 1, two))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> file.read(a, -1, two)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void aFileThatShrankIsAnInputErrorWhereverItIsRead() throws IOException {
    try (var file = SafetensorsFile.open(path)) {
      long length = file.byteSize();
      TensorInfo b = tensor(file, "b");
      TestFiles.truncate(path, length - 1);
      String[] message = {
        path + ": expected " + length + " bytes, as when the run began, found " + (length - 1)
      };
      MemorySegment four = MemorySegment.ofArray(new byte[4]);
      assertInputError(() -> file.read(b, b.bytes() - 4, four), message);
      assertInputError(() -> file.read(b, 0, four), message);
      TestFiles.truncate(path, 100);
      assertInputError(() -> file.read(b, 0, four), path + ": expected", "found 100 bytes");
    }
  }

  @Test
  void aFileWhoseNameIsGoneIsStillRead() throws IOException {
    try (var file = SafetensorsFile.open(path)) {
      Files.delete(path);
      byte[] end = new byte[3];
      file.read(tensor(file, "b"), tensor(file, "b").bytes() - 3, MemorySegment.ofArray(end));
      assertThat(end).isEqualTo(Arrays.copyOfRange(data, BYTES - 3, BYTES));
    }
  }

  @Test
  void anInterruptCancels() {
    try (var file = SafetensorsFile.open(path)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> file.read(tensor(file, "a"), 0, MemorySegment.ofArray(new byte[9])))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).as("stays interrupted").isTrue();
    }
  }

  @Test
  void aFileThatWasClosedIsNotRead() {
    SafetensorsFile file = SafetensorsFile.open(path);
    file.close();
    file.close();
    assertThatThrownBy(() -> file.read(tensor(file, "a"), 0, MemorySegment.ofArray(new byte[9])))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
  }
}

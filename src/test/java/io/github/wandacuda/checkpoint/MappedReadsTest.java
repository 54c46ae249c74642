package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MappedReadsTest {
  private static final int BYTES = 1 << 22;

  @TempDir Path folder;

  private SafetensorsFile open() throws IOException {
    Path path = folder.resolve("x.safetensors");
    return SafetensorsFile.open(
        TestFiles.sparse(path, BYTES, entry("t", "U8", "[" + BYTES + "]", 0, BYTES)));
  }

  @Test
  void aFileThatShrankIsAnInputError() throws IOException {
    try (var file = open()) {
      TensorInfo info = file.tensors().getFirst();
      TestFiles.truncate(file.path(), 4096);
      MemorySegment copy = MemorySegment.ofArray(new byte[1 << 16]);
      assertInputError(
          () -> file.read(info, 1 << 20, copy),
          file.path() + ": expected " + file.byteSize() + " bytes, as when the run began");
    }
  }

  @Test
  void compiledCopiesNoticeItInsideTheCallToo() throws IOException {
    try (var file = open();
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = file.data(file.tensors().getFirst());
      MemorySegment copy = arena.allocate(64);
      for (int i = 0; i < 50; i++) {
        copyRepeatedly(file.reads(), data, 0, copy, 5_000);
      }
      TestFiles.truncate(file.path(), 4096);
      assertInputError(
          () -> copyRepeatedly(file.reads(), data, 1 << 20, copy, 5_000), "pages that are gone");
    }
  }

  /** Long enough a loop for the JIT to compile the copy into it. */
  private static void copyRepeatedly(
      MappedReads reads, MemorySegment data, long from, MemorySegment copy, int times) {
    for (int i = 0; i < times; i++) {
      reads.copy(data, from + i, copy, 0, copy.byteSize());
    }
  }

  @Test
  void zerosBehindTheNewEndAreNoticed() throws IOException {
    try (var file = open()) {
      TensorInfo info = file.tensors().getFirst();
      TestFiles.truncate(file.path(), file.byteSize() - 1);
      MemorySegment copy = MemorySegment.ofArray(new byte[8]);
      assertInputError(
          () -> file.read(info, BYTES - 8, copy), "found " + (file.byteSize() - 1) + " bytes");
      assertInputError(() -> file.reads().checkLength(), file.path() + ": expected");
    }
  }

  @Test
  void aFileThatIsGoneIsNoticed() throws IOException {
    try (var file = open()) {
      file.reads().checkLength();
      Files.delete(file.path());
      assertInputError(() -> file.reads().checkLength(), "cannot be read: no such file");
    }
  }

  @Test
  void copiesPiecesOfAMatrix() throws IOException {
    try (var file = open()) {
      byte[] copy = {1, 1, 1, 1};
      MemorySegment data = file.data(file.tensors().getFirst());
      file.reads().copy(data, 5, MemorySegment.ofArray(copy), 1, 2);
      assertThat(copy).containsExactly(1, 0, 0, 1);
    }
  }
}

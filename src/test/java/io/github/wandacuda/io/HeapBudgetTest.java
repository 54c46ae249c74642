package io.github.wandacuda.io;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeapBudgetTest {
  @TempDir Path folder;

  @Test
  void aFileThatFillsTheHeapIsNamed() throws IOException {
    Path file = folder.resolve("long");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(3L << 30); // More than an array holds, whatever the heap.
    }
    assertThatThrownBy(() -> InputFile.bytes(file))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file + ": expected content that fits into a Java heap of ")
        .hasMessageEndingWith("found more; give the heap more with -Xmx");
  }
}

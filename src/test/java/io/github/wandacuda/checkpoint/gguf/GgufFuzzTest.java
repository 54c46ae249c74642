package io.github.wandacuda.checkpoint.gguf;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

class GgufFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  /** Bytes of a tensor that are read: its entry may say that there are many more. */
  private static final long MOST = 1 << 16;

  /** What is read is written as it was, up to the padding. */
  @FuzzTest
  void header(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.gguf", GgufFuzzTest::writeAgain);
  }

  private static void writeAgain(Path path) throws IOException {
    try (GgufFile file = GgufFile.open(path)) {
      byte[] written = file.header().bytes();
      byte[] read = Files.readAllBytes(path);
      int padding = written.length - file.header().alignment();
      for (int place = 0; place < written.length; place++) {
        boolean padded = place >= padding && written[place] == 0;
        if (!padded && written[place] != read[place]) {
          throw new AssertionError("another byte at " + place);
        }
      }
    }
  }

  @FuzzTest
  void model(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.gguf", GgufFuzzTest::readTensors);
  }

  private static void readTensors(Path file) {
    if (GgufCheckpoint.is(file)) {
      try (ModelDirectory model = ModelDirectory.open(file)) {
        model.checkpoint().tensors().forEach(GgufFuzzTest::read);
      }
    }
  }

  private static void read(Checkpoint.Entry entry) {
    int size = (int) Math.min(MOST, entry.info().bytes());
    entry.shard().read(entry.info(), 0, MemorySegment.ofArray(new byte[size]));
  }
}

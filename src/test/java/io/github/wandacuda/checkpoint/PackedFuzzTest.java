package io.github.wandacuda.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

class PackedFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  /** Bytes of a tensor that are read: a header may say that there are many more. */
  private static final long MOST = 1 << 16;

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", PackedFuzzTest::read);
  }

  private static void read(Path file) {
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      SafetensorsFile shard = PackedShard.unpacked(stored);
      for (TensorInfo tensor : shard.tensors()) {
        int size = (int) Math.min(MOST, tensor.bytes());
        shard.read(tensor, 0, MemorySegment.ofArray(new byte[size]));
      }
    }
  }
}

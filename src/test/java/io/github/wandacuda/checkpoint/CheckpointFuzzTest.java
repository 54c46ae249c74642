package io.github.wandacuda.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

class CheckpointFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  /** Bytes of a tensor that are read: a header may say that there are many more. */
  private static final long MOST = 1 << 16;

  @FuzzTest
  void header(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", file -> SafetensorsFile.open(file).close());
  }

  @FuzzTest
  void index(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "model.safetensors.index.json", file -> CheckpointIndex.read(file).shards());
  }

  @FuzzTest
  void packed(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", CheckpointFuzzTest::readPacked);
  }

  private static void readPacked(Path file) {
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      SafetensorsFile shard = PackedShard.unpacked(stored);
      for (TensorInfo tensor : shard.tensors()) {
        int size = (int) Math.min(MOST, tensor.bytes());
        shard.read(tensor, 0, MemorySegment.ofArray(new byte[size]));
      }
    }
  }
}

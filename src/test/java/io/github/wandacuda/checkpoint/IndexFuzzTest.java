package io.github.wandacuda.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;

class IndexFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "model.safetensors.index.json", file -> CheckpointIndex.read(file).shards());
  }
}

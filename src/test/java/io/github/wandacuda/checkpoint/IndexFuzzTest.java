package io.github.wandacuda.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

class IndexFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing(IndexFuzzTest.class);

  @AfterAll
  static void count() {
    FUZZING.finish();
  }

  @FuzzTest(maxDuration = "45s")
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "model.safetensors.index.json", file -> CheckpointIndex.read(file).shards());
  }
}

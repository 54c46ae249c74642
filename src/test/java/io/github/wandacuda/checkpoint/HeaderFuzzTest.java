package io.github.wandacuda.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;

class HeaderFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", file -> SafetensorsFile.open(file).close());
  }
}

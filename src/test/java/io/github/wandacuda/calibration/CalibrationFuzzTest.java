package io.github.wandacuda.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;

class CalibrationFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void imatrix(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.gguf", Imatrix::read);
  }

  @FuzzTest
  void statistics(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", Statistics::read);
  }
}

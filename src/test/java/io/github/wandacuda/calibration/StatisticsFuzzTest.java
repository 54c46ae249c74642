package io.github.wandacuda.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

class StatisticsFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing(StatisticsFuzzTest.class);

  @AfterAll
  static void count() {
    FUZZING.finish();
  }

  @FuzzTest(maxDuration = "45s")
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.safetensors", Statistics::read);
  }
}

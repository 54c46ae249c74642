package io.github.wandacuda.model;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;

class ConfigFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing(ConfigFuzzTest.class);

  @AfterAll
  static void count() {
    FUZZING.finish();
  }

  @FuzzTest(maxDuration = "45s")
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "config.json", ConfigFuzzTest::read);
  }

  private static void read(Path file) {
    ModelConfig config = ModelConfig.read(file.getParent());
    DecoderFamilies.of(config).shape(config);
  }
}

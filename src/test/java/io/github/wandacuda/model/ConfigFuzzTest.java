package io.github.wandacuda.model;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.nio.file.Path;

class ConfigFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "config.json", ConfigFuzzTest::read);
  }

  private static void read(Path file) {
    ModelConfig config = ModelConfig.read(file.getParent());
    DecoderFamilies.of(config).shape(config);
  }
}

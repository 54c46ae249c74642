package io.github.wandacuda.adapter;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.adapter.LoraAdapter.AdapterConfig;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;

class AdapterFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "adapter_config.json", file -> AdapterConfig.read(file.getParent()));
  }
}

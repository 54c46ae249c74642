package io.github.wandacuda.text;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;

class ParquetFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.parquet", file -> ParquetRows.read(file, Long.MAX_VALUE));
  }
}

package io.github.wandacuda.cli;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Models in which a fuzzer, led by coverage, has given tensors other shapes. */
class OddShapesFuzzTest {
  private static final List<String> MODELS = OddShapesTest.models().toList();

  @FuzzTest
  void commands(FuzzedDataProvider data) throws IOException {
    Path directory = Files.createTempDirectory("shapes");
    try {
      String name = data.pickValue(MODELS);
      OddShapesTrial.run(
          TestData.fixture(name), bound -> data.consumeInt(0, bound - 1), directory, name);
    } finally {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
          Files.delete(file);
        }
      }
    }
  }
}

package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JdkSearchTest {
  @TempDir Path directory;

  /** The tested version, else the lowest newer one, the first of equals, or none. */
  @ParameterizedTest
  @CsvSource({
    "26.0.1 17.0.21 25.0.3 24, 25.0.3",
    "1.8.0_392 29 27.0.1 28, 27.0.1",
    "25.0.1 25.0.3, 25.0.1",
    "1.8.0_392 21.0.5 24.0.2, none"
  })
  void theBestIsChosen(String versions, String chosen) {
    List<Path> homes = new ArrayList<>();
    for (String version : versions.split(" ")) {
      homes.add(FakeJdk.at(directory.resolve("jdk-" + version), version));
    }
    JavaHome best = new JdkSearch(new TrustedPaths(null, 0)).best(homes);
    assertThat(best == null ? "none" : best.version()).isEqualTo(chosen);
  }

  @Test
  void passesOverWhatIsNoJdk() {
    Path jdk = FakeJdk.at(directory.resolve("jdk"), "25");
    List<Path> homes = List.of(directory.resolve("missing"), directory, jdk);
    assertThat(new JdkSearch(new TrustedPaths(null, 0)).best(homes).path()).isEqualTo(jdk);
  }

  @Test
  void passesOverOneWithoutTheModule() {
    Path without =
        FakeJdk.withRelease(directory.resolve("a"), "JAVA_VERSION=\"25\"\nMODULES=\"java.base\"");
    Path with = FakeJdk.at(directory.resolve("b"), "26");
    assertThat(new JdkSearch(new TrustedPaths(null, 0)).best(List.of(without, with)).path())
        .isEqualTo(with);
  }
}

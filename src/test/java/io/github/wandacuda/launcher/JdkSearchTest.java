package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JdkSearchTest {
  @TempDir Path directory;

  private String chosen(String... versions) {
    List<Path> homes = new ArrayList<>();
    for (String version : versions) {
      homes.add(FakeJdk.at(directory.resolve("jdk-" + version), version));
    }
    JavaHome best = new JdkSearch(new TrustedPaths(null, 0)).best(homes);
    return best == null ? "none" : best.version();
  }

  @Test
  void prefersTheTestedVersion() {
    assertThat(chosen("26.0.1", "17.0.21", "25.0.3", "24")).isEqualTo("25.0.3");
  }

  @Test
  void elseTakesTheLowestNewer() {
    assertThat(chosen("1.8.0_392", "29", "27.0.1", "28")).isEqualTo("27.0.1");
  }

  @Test
  void ofEqualsTakesTheFirst() {
    assertThat(chosen("25.0.1", "25.0.3")).isEqualTo("25.0.1");
  }

  @Test
  void olderOnesAreNone() {
    assertThat(chosen("1.8.0_392", "21.0.5", "24.0.2")).isEqualTo("none");
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

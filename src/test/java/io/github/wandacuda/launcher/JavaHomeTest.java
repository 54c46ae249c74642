package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JavaHomeTest {
  @TempDir Path home;

  @ParameterizedTest
  @CsvSource({
    "1.8.0_392, 8", "1.8, 8", "9, 9", "17.0.21, 17", "25, 25",
    "25.0.3, 25", "26-ea, 26", "'', 0", "unknown, 0", "99999999999, 9999"
  })
  void readsTheFirstNumberThatCounts(String version, int feature) {
    assertThat(JavaHome.feature(version)).isEqualTo(feature);
  }

  @Test
  void readsVersionAndModules() {
    JavaHome java = JavaHome.read(FakeJdk.at(home, "25.0.3"));
    assertThat(java.version()).isEqualTo("25.0.3");
    assertThat(java.path()).isEqualTo(home);
    assertThat(java.java()).isEqualTo(home.resolve("bin").resolve(JavaHome.COMMAND));
    assertThat(java.isSuitable()).isTrue();
  }

  /** A list of modules has to name the module; without one the version decides. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "JAVA_VERSION=\"24.0.2\"; MODULES | false",
        "JAVA_VERSION=\"25\"; MODULES=\"java.base jdk.incubator.vectors\" | false",
        "IMPLEMENTOR=\"a vendor\"; JAVA_VERSION=25 | true",
        "MODULES | false"
      })
  void theReleaseSaysWhetherItIsSuitable(String release, boolean suitable) {
    String text = release.replaceAll("MODULES$", FakeJdk.MODULES).replace("; ", "\n") + "\n";
    assertThat(JavaHome.read(FakeJdk.withRelease(home, text)).isSuitable()).isEqualTo(suitable);
  }

  @ParameterizedTest
  @ValueSource(strings = {"release", "bin"})
  void aDirectoryWithoutReleaseOrJavaIsNoHome(String file) throws IOException {
    Directories.remove(FakeJdk.at(home, "25").resolve(file));
    assertThat(JavaHome.read(home)).isNull();
  }

  @Test
  void aReleaseThatIsNoTextIsNoHome() throws IOException {
    FakeJdk.at(home, "25");
    Files.write(home.resolve("release"), new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    assertThat(JavaHome.read(home)).isNull();
  }

  @Test
  void theRunningJavaIsFoundInItsHome() {
    JavaHome running = JavaHome.ofThisProcess();
    assertThat(JavaHome.read(running.path()).version()).isEqualTo(running.version());
    assertThat(running.java()).isExecutable();
  }
}

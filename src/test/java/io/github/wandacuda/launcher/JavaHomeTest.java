package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @Test
  void anOlderVersionIsNotSuitable() {
    assertThat(JavaHome.read(FakeJdk.at(home, "24.0.2")).isSuitable()).isFalse();
  }

  @Test
  void aListOfModulesHasToNameTheModule() {
    String release = "JAVA_VERSION=\"25\"\nMODULES=\"java.base jdk.incubator.vectors\"\n";
    assertThat(JavaHome.read(FakeJdk.withRelease(home, release)).isSuitable()).isFalse();
  }

  @Test
  void withoutAListOfModulesTheVersionDecides() {
    String release = "IMPLEMENTOR=\"a vendor\"\nJAVA_VERSION=25\n";
    assertThat(JavaHome.read(FakeJdk.withRelease(home, release)).isSuitable()).isTrue();
  }

  @Test
  void aReleaseWithoutVersionIsNotSuitable() {
    assertThat(JavaHome.read(FakeJdk.withRelease(home, FakeJdk.MODULES)).isSuitable()).isFalse();
  }

  @Test
  void aDirectoryWithoutReleaseIsNoHome() throws IOException {
    FakeJdk.at(home, "25");
    Files.delete(home.resolve("release"));
    assertThat(JavaHome.read(home)).isNull();
  }

  @Test
  void aDirectoryWithoutJavaIsNoHome() throws IOException {
    FakeJdk.at(home, "25");
    Files.delete(home.resolve("bin").resolve(JavaHome.COMMAND));
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

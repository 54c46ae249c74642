package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JdkLocationsTest {
  @TempDir Path root;

  private Path user;
  private Path running;

  @BeforeEach
  void directories() {
    user = root.resolve("home/somebody");
    running = root.resolve("somewhere/jdk-17");
  }

  private Path found(String system, Map<String, String> environment) {
    JdkLocations places = new JdkLocations(system, environment, root, user, running);
    JavaHome best = new JdkSearch(new TrustedPaths(null, 0)).best(places.homes());
    return best == null ? null : best.path();
  }

  private Path foundOnLinux() {
    return found("Linux", Map.of());
  }

  @Test
  void aMachineWithoutJdkHasNone() {
    assertThat(foundOnLinux()).isNull();
    assertThat(found("Mac OS X", Map.of())).isNull();
    assertThat(found("Windows 11", Map.of("PATH", "", "JAVA_HOME", ""))).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"JAVA_HOME", "JDK_HOME"})
  void variablesNameAHome(String variable) {
    Path jdk = FakeJdk.at(root.resolve("named"), "25");
    assertThat(found("Linux", Map.of(variable, jdk.toString()))).isEqualTo(jdk);
  }

  @Test
  void javaHomeComesFirst() {
    FakeJdk.at(root.resolve("usr/lib/jvm/java-25"), "25");
    Path jdk = FakeJdk.at(root.resolve("named"), "25");
    assertThat(found("Linux", Map.of("JAVA_HOME", jdk.toString()))).isEqualTo(jdk);
  }

  @Test
  void aWrongJavaHomeDoesNoHarm() {
    Path jdk = FakeJdk.at(root.resolve("usr/lib/jvm/java-25"), "25");
    assertThat(found("Linux", Map.of("JAVA_HOME", "/no/such\0place"))).isEqualTo(jdk);
  }

  @ParameterizedTest
  @CsvSource({
    "jvms/jdk-17, jvms/jdk-25",
    "jvms/jdk8/jre, jvms/jdk-25",
    "jvms/17.jdk/Contents/Home, jvms/25.jdk/Contents/Home"
  })
  void looksBesideTheRunningJava(String itself, String sibling) {
    running = root.resolve(itself);
    Path jdk = FakeJdk.at(root.resolve(sibling), "25");
    assertThat(foundOnLinux()).isEqualTo(jdk);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "usr/lib/jvm/java-25-openjdk-amd64",
        "usr/lib64/jvm/java-25-openjdk-25",
        "usr/java/jdk-25.0.3",
        "usr/local/openjdk-25",
        "opt/jdk-25",
        "opt/java/openjdk",
        "home/linuxbrew/.linuxbrew/opt/openjdk@25/libexec",
        "home/somebody/.sdkman/candidates/java/25.0.3-tem",
        "home/somebody/.jdks/temurin-25.0.3",
        "home/somebody/.jenv/versions/25",
        "home/somebody/.asdf/installs/java/temurin-25.0.3+9.0.LTS",
        "home/somebody/.gradle/jdks/eclipse_adoptium-25-amd64-linux.2"
      })
  void looksWhereLinuxHasThem(String home) {
    Path jdk = FakeJdk.at(root.resolve(home), "25.0.3");
    assertThat(foundOnLinux()).isEqualTo(jdk);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Library/Java/JavaVirtualMachines/temurin-25.jdk/Contents/Home",
        "opt/homebrew/opt/openjdk@25/libexec/openjdk.jdk/Contents/Home",
        "usr/local/opt/openjdk/libexec/openjdk.jdk/Contents/Home",
        "home/somebody/Library/Java/JavaVirtualMachines/openjdk-25/Contents/Home"
      })
  void looksWhereMacOsHasThem(String home) {
    Path jdk = FakeJdk.at(root.resolve(home), "25.0.3");
    assertThat(found("Mac OS X", Map.of())).isEqualTo(jdk);
  }

  @ParameterizedTest
  @CsvSource({
    "ProgramFiles, Eclipse Adoptium/jdk-25.0.3.9-hotspot",
    "ProgramW6432, Java/jdk-25",
    "LOCALAPPDATA, Programs/Microsoft/jdk-25.0.3"
  })
  void looksWhereWindowsHasThem(String variable, String home) {
    Path jdk = FakeJdk.at(root.resolve("programs").resolve(home), "25.0.3");
    Map<String, String> environment = Map.of(variable, root.resolve("programs").toString());
    assertThat(found("Windows 11", environment)).isEqualTo(jdk);
  }

  @Test
  void toolsMayHaveAnotherDirectory() {
    Path jdk = FakeJdk.at(root.resolve("tools/candidates/java/25.0.3-tem"), "25.0.3");
    Map<String, String> environment = Map.of("SDKMAN_DIR", root.resolve("tools").toString());
    assertThat(found("Linux", environment)).isEqualTo(jdk);
  }

  @Test
  void followsALinkOnPath() throws IOException {
    Path jdk = FakeJdk.at(root.resolve("deep/inside/jdk"), "25").toRealPath();
    Path bin = Files.createDirectories(root.resolve("bin"));
    Files.createSymbolicLink(
        bin.resolve(JavaHome.COMMAND), jdk.resolve("bin").resolve(JavaHome.COMMAND));
    String path = root.resolve("missing") + File.pathSeparator + bin;
    assertThat(found("Linux", Map.of("PATH", path))).isEqualTo(jdk);
  }

  /** A user without an entry in passwd has the home {@code ?}. */
  @Test
  void nothingBelowTheCurrentDirectoryIsAPlace() {
    Map<String, String> environment =
        Map.of("PATH", ":.:bin", "SDKMAN_DIR", "src", "SDKMAN_CANDIDATES_DIR", ".");
    for (String system : List.of("Linux", "Mac OS X", "Windows 11")) {
      JdkLocations places =
          new JdkLocations(system, environment, root, Path.of("src"), Path.of("src/x"));
      assertThat(places.homes()).as(system).allMatch(Path::isAbsolute);
    }
  }

  @Test
  void whatAVariableNamesIsToldEvenIfItIsRelative() {
    JdkLocations places =
        new JdkLocations("Linux", Map.of("JAVA_HOME", "jdk", "JDK_HOME", ""), root, user, running);
    assertThat(places.named()).isEqualTo(Map.of("JAVA_HOME", Path.of("jdk")));
    assertThat(places.homes()).contains(Path.of("jdk"));
  }

  @Test
  void windowsHasNoSiblings() {
    running = root.resolve("jvms/jdk-17");
    FakeJdk.at(root.resolve("jvms/jdk-25"), "25");
    assertThat(found("Windows 11", Map.of())).isNull();
  }

  @Test
  void thisMachineHasTheRunningJavaAmongItsSiblings() {
    assertThat(JdkLocations.ofThisMachine().homes())
        .contains(Path.of(System.getProperty("java.home")));
  }
}

package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JdkLocationsTest {
  @TempDir Path root;

  private Path running;

  @BeforeEach
  void directories() {
    running = root.resolve("somewhere/jdk-17");
  }

  private Path found(String system, Map<String, String> environment) {
    JdkLocations places = new JdkLocations(system, environment, root, running);
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
    assertThat(found("Windows 11", Map.of("JAVA_HOME", ""))).isNull();
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
  @CsvSource({
    "Linux, usr/lib/jvm/java-25-openjdk-amd64",
    "Linux, usr/lib64/jvm/java-25-openjdk-25",
    "Mac OS X, Library/Java/JavaVirtualMachines/temurin-25.jdk/Contents/Home",
    "Windows 11, programs/Eclipse Adoptium/jdk-25.0.3.9-hotspot",
    "Windows 11, programs/Java/jdk-25"
  })
  void looksWhereASystemHasThem(String system, String home) {
    Path jdk = FakeJdk.at(root.resolve(home), "25.0.3");
    Map<String, String> environment = Map.of("ProgramFiles", root.resolve("programs").toString());
    assertThat(found(system, environment)).isEqualTo(jdk);
  }

  @Test
  void nothingBelowTheCurrentDirectoryIsAPlace() {
    Map<String, String> environment = Map.of("ProgramFiles", "src");
    for (String system : List.of("Linux", "Mac OS X", "Windows 11")) {
      JdkLocations places = new JdkLocations(system, environment, root, Path.of("src/x"));
      assertThat(places.homes()).as(system).allMatch(Path::isAbsolute);
    }
  }

  @Test
  void whatAVariableNamesIsToldEvenIfItIsRelative() {
    JdkLocations places = new JdkLocations("Linux", Map.of("JAVA_HOME", "jdk"), root, running);
    assertThat(places.named()).isEqualTo(Path.of("jdk"));
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

package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class LauncherTest {
  @Test
  void saysInOneLineWhatIsMissing() {
    assertThat(Launcher.missing("17.0.21", "/usr/lib/jvm/java-17", Map.of()))
        .isEqualTo(
            "wanda-cuda needs a JDK 25 or newer with the module jdk.incubator.vector (Eclipse"
                + " Temurin 25, for example), found Java 17.0.21 in /usr/lib/jvm/java-17 and no"
                + " other that will do: install one, or let JAVA_HOME point to one");
  }
}

package io.github.wandacuda.launcher;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import io.github.wandacuda.testing.Command;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/** The Java versions that the launcher is started with. */
enum Javas {
  /** The one of the tests, which the program runs on. */
  RECENT,
  /** One that is too old for the program. */
  OLDER;

  /** Its command; skips the test if this machine has no such Java. */
  String command() {
    return this == RECENT ? JavaHome.ofThisProcess().java().toString() : older();
  }

  /**
   * Returns a command in an environment where JAVA_HOME is the Java of the tests.
   *
   * @param variables more variables, each as NAME=value
   */
  static Command command(List<String> variables, Object... words) {
    Map<String, String> all = new HashMap<>();
    all.put("JAVA_HOME", System.getProperty("java.home"));
    all.put("LC_ALL", "C.UTF-8");
    for (String variable : variables) {
      String[] nameAndValue = variable.split("=", 2);
      all.put(nameAndValue[0], nameAndValue[1]);
    }
    return Command.of(words).without("JAVA_TOOL_OPTIONS").without("JDK_JAVA_OPTIONS").with(all);
  }

  private static String older() {
    Optional<Path> java =
        JdkLocations.ofThisMachine().homes().stream()
            .map(JavaHome::read)
            .filter(home -> home != null && isOlder(home))
            .map(JavaHome::java)
            .findFirst();
    Assumptions.assumeTrue(java.isPresent(), "this machine has no Java 8 to 24 to start from");
    List<Path> homes = JdkLocations.ofThisMachine().homes();
    Assumptions.assumeTrue(
        new JdkSearch(TrustedPaths.ofThisProcess()).best(homes) != null,
        "no JDK of this machine lies where only root and this user may write");
    return java.get().toString();
  }

  private static boolean isOlder(JavaHome home) {
    int feature = JavaHome.feature(home.version());
    return feature >= 8 && feature < Launcher.JAVA;
  }
}

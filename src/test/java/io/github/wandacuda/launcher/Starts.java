package io.github.wandacuda.launcher;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The ways in which the launcher starts the program. */
enum Starts {
  /** By {@code java -jar}, whose process is replaced. */
  REPLACED,
  /** On a class path, where the manifest allows no native calls, and so in a child. */
  BELOW;

  /** Returns the words that start a jar's program with options and arguments. */
  List<String> line(Path jar, Object options, Object... args) {
    return List.of(
        this == REPLACED
            ? Words.texts(VectorStart.java(), options, "-jar", jar, args)
            : Words.texts(VectorStart.java(), options, "-cp", jar, Launcher.class.getName(), args));
  }

  /**
   * Returns a command in the environment of the tests.
   *
   * @param variables more variables, each as NAME=value
   */
  static Command command(List<String> variables, Object... words) {
    Map<String, String> all = new HashMap<>();
    all.put("LC_ALL", "C.UTF-8");
    for (String variable : variables) {
      String[] nameAndValue = variable.split("=", 2);
      all.put(nameAndValue[0], nameAndValue[1]);
    }
    return Command.of(words).without("JAVA_TOOL_OPTIONS").without("JDK_JAVA_OPTIONS").with(all);
  }
}

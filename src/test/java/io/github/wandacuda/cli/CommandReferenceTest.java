package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

/** The site's page of commands is what the program knows. {@code -Dcommands.write} writes it. */
class CommandReferenceTest {
  @Test
  void thePageIsWhatTheProgramKnows() throws IOException {
    if (System.getProperty("commands.write") != null) {
      CommandReference.write();
    }
    assertThat(Files.readString(CommandReference.PAGE))
        .as("mvn test -Dtest=CommandReferenceTest -Dcommands.write writes it anew")
        .isEqualTo(CommandReference.page());
  }
}

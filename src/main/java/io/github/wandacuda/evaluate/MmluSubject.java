package io.github.wandacuda.evaluate;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The subjects of MMLU, each with the group that the harness counts it to. */
enum MmluSubject {
  ABSTRACT_ALGEBRA(Group.STEM),
  ANATOMY(Group.STEM),
  ASTRONOMY(Group.STEM),
  COLLEGE_BIOLOGY(Group.STEM),
  COLLEGE_CHEMISTRY(Group.STEM),
  COLLEGE_COMPUTER_SCIENCE(Group.STEM),
  COLLEGE_MATHEMATICS(Group.STEM),
  COLLEGE_PHYSICS(Group.STEM),
  COMPUTER_SECURITY(Group.STEM),
  CONCEPTUAL_PHYSICS(Group.STEM),
  ELECTRICAL_ENGINEERING(Group.STEM),
  ELEMENTARY_MATHEMATICS(Group.STEM),
  HIGH_SCHOOL_BIOLOGY(Group.STEM),
  HIGH_SCHOOL_CHEMISTRY(Group.STEM),
  HIGH_SCHOOL_COMPUTER_SCIENCE(Group.STEM),
  HIGH_SCHOOL_MATHEMATICS(Group.STEM),
  HIGH_SCHOOL_PHYSICS(Group.STEM),
  HIGH_SCHOOL_STATISTICS(Group.STEM),
  MACHINE_LEARNING(Group.STEM),
  FORMAL_LOGIC(Group.HUMANITIES),
  HIGH_SCHOOL_EUROPEAN_HISTORY(Group.HUMANITIES),
  HIGH_SCHOOL_US_HISTORY(Group.HUMANITIES),
  HIGH_SCHOOL_WORLD_HISTORY(Group.HUMANITIES),
  INTERNATIONAL_LAW(Group.HUMANITIES),
  JURISPRUDENCE(Group.HUMANITIES),
  LOGICAL_FALLACIES(Group.HUMANITIES),
  MORAL_DISPUTES(Group.HUMANITIES),
  MORAL_SCENARIOS(Group.HUMANITIES),
  PHILOSOPHY(Group.HUMANITIES),
  PREHISTORY(Group.HUMANITIES),
  PROFESSIONAL_LAW(Group.HUMANITIES),
  WORLD_RELIGIONS(Group.HUMANITIES),
  ECONOMETRICS(Group.SOCIAL_SCIENCES),
  HIGH_SCHOOL_GEOGRAPHY(Group.SOCIAL_SCIENCES),
  HIGH_SCHOOL_GOVERNMENT_AND_POLITICS(Group.SOCIAL_SCIENCES),
  HIGH_SCHOOL_MACROECONOMICS(Group.SOCIAL_SCIENCES),
  HIGH_SCHOOL_MICROECONOMICS(Group.SOCIAL_SCIENCES),
  HIGH_SCHOOL_PSYCHOLOGY(Group.SOCIAL_SCIENCES),
  HUMAN_SEXUALITY(Group.SOCIAL_SCIENCES),
  PROFESSIONAL_PSYCHOLOGY(Group.SOCIAL_SCIENCES),
  PUBLIC_RELATIONS(Group.SOCIAL_SCIENCES),
  SECURITY_STUDIES(Group.SOCIAL_SCIENCES),
  SOCIOLOGY(Group.SOCIAL_SCIENCES),
  US_FOREIGN_POLICY(Group.SOCIAL_SCIENCES),
  BUSINESS_ETHICS(Group.OTHER),
  CLINICAL_KNOWLEDGE(Group.OTHER),
  COLLEGE_MEDICINE(Group.OTHER),
  GLOBAL_FACTS(Group.OTHER),
  HUMAN_AGING(Group.OTHER),
  MANAGEMENT(Group.OTHER),
  MARKETING(Group.OTHER),
  MEDICAL_GENETICS(Group.OTHER),
  MISCELLANEOUS(Group.OTHER),
  NUTRITION(Group.OTHER),
  PROFESSIONAL_ACCOUNTING(Group.OTHER),
  PROFESSIONAL_MEDICINE(Group.OTHER),
  VIROLOGY(Group.OTHER);

  private final Group group;

  MmluSubject(Group group) {
    this.group = group;
  }

  /** Returns the subject of a name such as {@code abstract_algebra}. */
  public static Optional<MmluSubject> of(String name) {
    return Arrays.stream(values())
        .filter(subject -> subject.subjectName().equals(name))
        .findFirst();
  }

  private String subjectName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the group's name. */
  public String group() {
    return group.inWords;
  }

  /** The groups. */
  private enum Group {
    STEM("stem"),
    HUMANITIES("humanities"),
    SOCIAL_SCIENCES("social sciences"),
    OTHER("other");

    private final String inWords;

    Group(String inWords) {
      this.inWords = inWords;
    }
  }
}

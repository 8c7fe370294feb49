// Runs the study as the program would: defaults first, then one full calculation.
#include STUDY_SOURCE

int main(int count, char** arguments)
{
    if (count < 3)
        return 2;
    s_sc sc;
    sc.SetDefaults = 1;
    scsf_ZanzibarMarks(sc);
    sc.SetDefaults = 0;
    std::printf("dll\t%s\t%s\n", DllName(), sc.GraphName.GetChars());
    sc.Input[0].SetPathAndFileName(arguments[1]);
    if (count > 3)
        sc.Input[std::atoi(arguments[3])].SetYesNo(0);
    SCDateTime Bar;
    Bar.Seconds = std::atoll(arguments[2]);
    sc.BaseDateTimeIn.push_back(Bar);
    sc.ArraySize = 1;
    scsf_ZanzibarMarks(sc);
    sc.UpdateStartIndex = 1;  // an ordinary update draws nothing again
    scsf_ZanzibarMarks(sc);
    return 0;
}

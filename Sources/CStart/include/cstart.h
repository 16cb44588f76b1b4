// This header declares nothing: the module only has to be linked (start.c).
#pragma once
